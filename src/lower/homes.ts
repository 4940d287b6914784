/**
 * Homes: which buffer holds which stored node, and at which strides.
 *
 * `place` puts a node, or the node its views show, into part of another buffer; it says no where the node is an input,
 * known when bound, already placed, or where the cells would not be strided.
 */

import { at, sizeOf, stridesOf } from "../ir/shape.ts";
import type { Cell, InputNode, Node, Shape } from "../ir/types.ts";
import { Axes, decomposed, linear, ofAxis, plus } from "./indices.ts";
import type { Buffer, Index } from "./loops.ts";
import type { Home } from "./tasks.ts";

/** Makes buffers and remembers where nodes live. */
export class Homes {
  readonly buffers: Buffer[];
  readonly #homes = new Map<Node, Home>();
  readonly #bound = new Map<Node, Buffer>();
  readonly #pinned = new Set<Node>();
  /** Nodes whose cells are part of a container's. */
  readonly #inside = new Map<Node, Node[]>();

  readonly #sourceOf: (node: Node) => Node;

  /** `sourceOf` gives the caller's node for a node of the program that is lowered; `buffers` may be shared by several. */
  constructor(sourceOf: (node: Node) => Node = (node) => node, buffers: Buffer[] = []) {
    this.#sourceOf = sourceOf;
    this.buffers = buffers;
  }

  tileBuffer(cells: number, cell: Cell, name: string): Buffer {
    const buffer: Buffer = { id: this.buffers.length, space: "tile", cells, cell, name };
    this.buffers.push(buffer);
    return buffer;
  }

  /** A row input's buffer; shared inputs become bound buffers when they are read. */
  addInput(input: InputNode): void {
    if (input.level !== "row") return;
    this.#homes.set(
      input,
      rowMajor(this.tileBuffer(sizeOf(input.shape), input.cell, input.name), input.shape),
    );
  }

  /** An input that lies in memory already. */
  give(input: Node, home: Home): void {
    this.#homes.set(input, home);
  }

  /** Where a row's value, or a shared one, is read. */
  readOf(node: Node): Home {
    const known = this.#homes.get(node);
    if (known !== undefined || node.level === "row") return known ?? this.of(node);
    return rowMajor(this.boundBuffer(node), node.shape);
  }

  /** The bound buffer with the node's values. */
  boundBuffer(node: Node): Buffer {
    const known = this.#bound.get(node);
    if (known !== undefined) return known;
    const name = node.op === "input" ? node.name : node.op;
    const buffer: Buffer = {
      id: this.buffers.length,
      space: "bound",
      cells: sizeOf(node.shape),
      cell: node.cell,
      name,
      source: this.#sourceOf(node),
    };
    this.buffers.push(buffer);
    this.#bound.set(node, buffer);
    return buffer;
  }

  /** The node's home, made now if it has none. */
  of(node: Node): Home {
    const known = this.#homes.get(node);
    if (known !== undefined) return known;
    const home = rowMajor(this.tileBuffer(sizeOf(node.shape), node.cell, node.op), node.shape);
    this.#homes.set(node, home);
    return home;
  }

  /** Must the node's cells be in memory even if no other stage reads them? */
  isPinned(node: Node): boolean {
    return this.#pinned.has(node);
  }

  /** Nodes that were placed inside the container. */
  partsOf(container: Node): readonly Node[] {
    return this.#inside.get(container) ?? [];
  }

  #insideOf(container: Node): Node[] {
    const parts = this.#inside.get(container) ?? [];
    this.#inside.set(container, parts);
    return parts;
  }

  /** Gives the node beneath `node`'s views its home within `home`; undefined where that cannot be. */
  place(node: Node, home: Home, container?: Node): Node | undefined {
    if (node.level !== "row" || node.op === "input") return undefined;
    if (node.op === "reshape") {
      const inner = reshapedHome(home, node.shape, node.a.shape);
      return inner === undefined ? undefined : this.place(node.a, inner, container);
    }
    if (node.op === "transpose") {
      const strides = node.a.shape.map((_, axis) => at(home.strides, node.order.indexOf(axis)));
      return this.place(node.a, { ...home, strides }, container);
    }
    if (node.op === "broadcast" || node.op === "slice" || node.op === "window" || this.#homes.has(node))
      return undefined;
    if (node.op === "gather" && node.indices.level !== "row") return undefined;
    this.#homes.set(node, home);
    this.#pinned.add(node);
    if (container !== undefined) this.#insideOf(container).push(node);
    return node;
  }
}

/** The whole buffer as a row-major value of the shape. */
export function rowMajor(buffer: Buffer, shape: Shape): Home {
  return { buffer, offset: 0, strides: stridesOf(shape) };
}

/** Cells of a home of shape `from`, seen as shape `to`. */
export function reshapedHome(home: Home, from: Shape, to: Shape): Home | undefined {
  const own = stridesOf(from);
  const contiguous = home.strides.every((stride, axis) => from[axis] === 1 || stride === own[axis]);
  if (contiguous) return { ...home, strides: stridesOf(to) };
  const makers = new Axes();
  const axes = to.map((size) => makers.make(size));
  const inner = decomposed(linear(axes.map(ofAxis), stridesOf(to)), from);
  if (inner === undefined || "split" in inner) return undefined;
  const cell = linear(inner.coordinates, home.strides, home.offset);
  const strides = axes.map((axis) => cell.terms.find((term) => term.axis === axis)?.stride ?? 0);
  return { ...home, offset: cell.offset, strides };
}

/** The part of a home that starts at `starts` and steps by `steps`. */
export function partHome(home: Home, starts: readonly number[], steps: readonly number[]): Home {
  const offset = starts.reduce((sum, start, axis) => sum + start * at(home.strides, axis), home.offset);
  return {
    ...home,
    offset,
    strides: home.strides.map((stride, axis) => stride * at(steps, axis)),
  };
}

/** The cell of a home at coordinates. */
export function cellIn(home: Home, coordinates: readonly Index[]): Index {
  const cell = linear(coordinates, home.strides, home.offset);
  return home.step === undefined ? cell : plus(cell, home.step);
}
