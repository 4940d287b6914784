/**
 * A node at given coordinates, as a sketch: views become index arithmetic, elementwise functions are applied in place,
 * stored nodes are read.
 *
 * Where a reshape needs a loop axis in two parts, `wanted` says which and the caller walks again. Nodes that can
 * only be read from memory are reported with `demand`.
 */

import { InternalError, UnsupportedError } from "../errors.ts";
import { operandsOf } from "../ir/graph.ts";
import { at, sizeOf, stridesOf } from "../ir/shape.ts";
import type { ConstantNode, ContractNode, GatherNode, Node } from "../ir/types.ts";
import { contractionKind } from "./contractions.ts";
import { functionOf } from "./decide.ts";
import { cellIn } from "./homes.ts";
import {
  constantOf,
  decomposed,
  indicesKey,
  linear,
  lookedUp,
  plus,
  type Split,
  scaled,
  ZERO,
} from "./indices.ts";
import type { Index } from "./loops.ts";
import { elementwise, literal, type Sketch } from "./sketch.ts";
import type { Home } from "./tasks.ts";

/** What a walk needs to know. */
export interface Surroundings {
  isStored(node: Node): boolean;
  /** Stores a node after all, because only its memory can be read this way. */
  demand(node: Node): void;
  /** Where a shared value is read; makes its buffer. */
  boundHome(node: Node): Home;
  /** Bound operands must come out as reads: they become a product's weights. */
  readonly readsOnly?: boolean;
}

/** Masks of positions with more cells than this are computed where they are used, not kept in memory. */
const LARGE_MASK = 256;

/** One walk from a task's root into its operands. */
export class Walk {
  /** Set when an axis has to be split before the walk can succeed; its results are then void. */
  wanted: Split | undefined;
  readonly #around: Surroundings;
  readonly #memo = new Map<string, Sketch>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The cell of `node` at `coordinates`. */
  cell(node: Node, coordinates: readonly Index[]): Sketch {
    const key = `${node.id}:${indicesKey(coordinates)}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const sketch = this.#visit(node, coordinates);
    this.#memo.set(key, sketch);
    return sketch;
  }

  /** The cell computed from the node's operands, even if the node itself is stored. */
  definition(node: Node, coordinates: readonly Index[]): Sketch {
    const name = functionOf(node);
    if (name !== undefined) return this.#applied(node, coordinates);
    switch (node.op) {
      case "select":
        return {
          op: "select",
          condition: this.cell(node.condition, coordinates),
          a: this.cell(node.a, coordinates),
          b: this.cell(node.b, coordinates),
        };
      case "convert":
        return { op: "convert", a: this.cell(node.a, coordinates), from: node.a.cell, to: node.cell };
      case "contract":
        return this.#outer(node, coordinates);
      case "iota":
        return { op: "index", index: at(coordinates, node.axis) };
      default:
        return this.#view(node, coordinates);
    }
  }

  #visit(node: Node, coordinates: readonly Index[]): Sketch {
    if (node.level === "finish")
      throw new UnsupportedError("JR850", `sums over rows (${node.op}) are not lowered yet`);
    if (node.op === "input" && node.level === "row") return { op: "read", node, at: coordinates };
    if (node.level !== "row") return this.#bound(node, coordinates);
    return this.#around.isStored(node)
      ? { op: "read", node, at: coordinates }
      : this.definition(node, coordinates);
  }

  #applied(node: Node, coordinates: readonly Index[]): Sketch {
    const operands =
      node.op === "call" ? node.args : "b" in node ? [node.a, node.b] : "a" in node ? [node.a] : [];
    const cell = at(operands, 0).cell;
    return elementwise(
      functionOf(node) as never,
      cell,
      operands.map((operand) => this.cell(operand, coordinates)),
    );
  }

  #outer(node: ContractNode, coordinates: readonly Index[]): Sketch {
    if (contractionKind(node) !== "outer")
      throw new InternalError("JR851", "a sum inside an expression must be stored first");
    const place = (label: number): Index => coordinates[node.outLabels.indexOf(label)] ?? ZERO;
    const [a, b] = [this.cell(node.a, node.aLabels.map(place)), this.cell(node.b, node.bLabels.map(place))];
    return elementwise("mul", "float", [a, b]);
  }

  /** Values known before any row: numbers where they are uniform, else loads of a bound buffer through all views. */
  #bound(node: Node, coordinates: readonly Index[]): Sketch {
    const known = node.op === "constant" ? knownCell(node, coordinates) : undefined;
    if (known !== undefined) return literal(known, node.cell);
    switch (node.op) {
      case "iota":
      case "transpose":
      case "broadcast":
      case "slice":
      case "window":
        return this.definition(node, coordinates);
      case "reshape":
        return this.#reshaped(node, coordinates) ?? this.#leaf(node, coordinates);
      default:
        return this.#isComputedMask(node)
          ? this.definition(node, coordinates)
          : this.#leaf(node, coordinates);
    }
  }

  /** A large value that is only arithmetic on positions, such as an identity matrix. */
  #isComputedMask(node: Node): boolean {
    if (this.#around.readsOnly === true || node.level !== "constant" || sizeOf(node.shape) <= LARGE_MASK)
      return false;
    return isPositional(node, MASK_DEPTH);
  }

  #leaf(node: Node, coordinates: readonly Index[]): Sketch {
    this.#around.boundHome(node);
    return { op: "read", node, at: coordinates };
  }

  #view(node: Node, coordinates: readonly Index[]): Sketch {
    switch (node.op) {
      case "reshape":
        return this.#reshaped(node, coordinates) ?? this.#demanded(node, coordinates);
      case "transpose":
        return this.cell(
          node.a,
          node.a.shape.map((_, axis) => at(coordinates, node.order.indexOf(axis))),
        );
      case "broadcast": {
        const offset = node.shape.length - node.a.shape.length;
        return this.cell(
          node.a,
          node.a.shape.map((size, axis) => (size === 1 ? ZERO : at(coordinates, axis + offset))),
        );
      }
      case "slice":
        return this.cell(
          node.a,
          coordinates.map((index, axis) => scaled(index, at(node.steps, axis), at(node.starts, axis))),
        );
      case "window": {
        const [count, step] = [at(coordinates, node.axis), at(coordinates, node.axis + 1)];
        const inner = plus(scaled(count, node.stride), scaled(step, node.dilation));
        return this.cell(node.a, [
          ...coordinates.slice(0, node.axis),
          inner,
          ...coordinates.slice(node.axis + 2),
        ]);
      }
      case "gather":
        return this.#gathered(node, coordinates);
      default:
        throw new UnsupportedError(
          "JR852",
          `${node.op} reached lowering: it must be expanded before${node.origin === undefined ? "" : ` (${node.origin.name})`}`,
        );
    }
  }

  #gathered(node: GatherNode, coordinates: readonly Index[]): Sketch {
    const rank = node.indices.shape.length;
    const index = this.tableIndex(node.indices, coordinates.slice(node.axis, node.axis + rank));
    return this.cell(node.a, [
      ...coordinates.slice(0, node.axis),
      index,
      ...coordinates.slice(node.axis + rank),
    ]);
  }

  /** An index read from a bound table; a known one where the table and the place are constant. */
  tableIndex(indices: Node, coordinates: readonly Index[]): Index {
    const cell = this.#bound(indices, coordinates);
    if (cell.op === "literal") return { offset: cell.value, terms: [] };
    if (cell.op === "index") return cell.index;
    if (cell.op !== "read")
      throw new InternalError("JR413", `an index table is read, not computed (${cell.op})`);
    const home = this.#around.boundHome(cell.node);
    return lookedUp(home.buffer, cellIn(home, cell.at));
  }

  #reshaped(node: Extract<Node, { op: "reshape" }>, coordinates: readonly Index[]): Sketch | undefined {
    if (sizeOf(node.shape) === 0) return literal(0, node.cell);
    const inner = decomposed(linear(coordinates, stridesOf(node.shape)), node.a.shape);
    if (inner === undefined) return undefined;
    if ("coordinates" in inner) return this.cell(node.a, inner.coordinates);
    this.wanted ??= inner.split;
    return literal(0, node.cell);
  }

  #demanded(node: Node, coordinates: readonly Index[]): Sketch {
    this.#around.demand(node);
    return { op: "read", node, at: coordinates };
  }
}

/** A constant's number at coordinates that are known, or everywhere the same. */
function knownCell({ values, shape }: ConstantNode, coordinates: readonly Index[]): number | undefined {
  if (values.length === 1) return values[0];
  const cell = constantOf(linear(coordinates, stridesOf(shape)));
  return cell === undefined ? undefined : values[cell];
}

/** Operations on positions that one mask may take. */
const MASK_DEPTH = 4;
const POSITIONAL: ReadonlySet<string> = new Set([
  "iota",
  "add",
  "sub",
  "mul",
  "min",
  "max",
  "lt",
  "le",
  "eq",
  "ne",
  "and",
  "or",
  "not",
  "convert",
  "broadcast",
  "transpose",
]);

function isPositional(node: Node, depth: number): boolean {
  if (node.op === "constant") return node.values.length === 1;
  if (!POSITIONAL.has(node.op) || depth === 0) return false;
  return operandsOf(node).every((operand) => isPositional(operand, depth - 1));
}
