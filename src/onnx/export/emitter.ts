/**
 * Row programs as ONNX tensors: which tensor holds a node's value, and the small steps between tensors.
 *
 * In: nodes of a program, operands first. Out: named tensors. Always: a value of level "row" has the batch as its first
 * axis, every other value has none; what depends on no input is computed here, in float64, and stored.
 */

import { invariant } from "../../errors.ts";
import { evaluateInto } from "../../ir/evaluate.ts";
import { operandsOf, topologicalOrder } from "../../ir/graph.ts";
import { uniformValue } from "../../ir/identities.ts";
import { at, range, sameShape, sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Cell, Node, Shape } from "../../ir/types.ts";
import { type Attribute, type GraphWriter, isLarge } from "./writer.ts";

/** A named tensor: `shape` is a row's, and with `rows` the batch axis stands before it. */
export interface Emitted {
  readonly name: string;
  readonly shape: Shape;
  readonly rows: boolean;
  readonly cell: Cell;
}

/** Writes one node whose operands have been written. */
export type Emit = (emitter: Emitter, node: Node) => Emitted;

/** Larger weights are moved by nodes of the model, so that the file holds them once. */
const MOVED_CELLS = 1024;
const MOVEMENTS: ReadonlySet<string> = new Set(["reshape", "transpose", "broadcast"]);

/** See the file's header. */
export class Emitter {
  readonly writer: GraphWriter;
  readonly #emit: Emit;
  readonly #done = new Map<Node, Emitted>();
  readonly #known = new Map<Node, boolean>();
  readonly #values = new Map<Node, Tensor>();
  #rowInput: string | undefined;

  constructor(writer: GraphWriter, emit: Emit) {
    this.writer = writer;
    this.#emit = emit;
  }

  /** Declares an input of the model. */
  input(node: Node, name: string): void {
    const rows = node.level === "row";
    if (rows) this.#rowInput ??= name;
    this.#done.set(node, { name, shape: node.shape, rows, cell: node.cell });
  }

  /** The tensor of a node; repeated and constant ones are written when somebody asks for them. */
  of(node: Node): Emitted {
    let emitted = this.#done.get(node);
    if (emitted === undefined) {
      emitted = this.isKnown(node) ? this.#stored(node) : this.#emit(this, node);
      this.#done.set(node, emitted);
    }
    return emitted;
  }

  /** The tensor of a node, with the batch axis even where all rows have the same value. */
  rowsOf(node: Node): Emitted {
    return this.withRows(this.of(node));
  }

  /** Does this node depend on no input at all? */
  isKnown(node: Node): boolean {
    let known = this.#known.get(node);
    if (known === undefined) {
      known =
        node.op !== "input" && node.level !== "row" && operandsOf(node).every((one) => this.isKnown(one));
      this.#known.set(node, known);
    }
    return known;
  }

  /** The numbers of a node without inputs. */
  valueOf(node: Node): Tensor {
    evaluateInto(this.#values, topologicalOrder([node]));
    return this.#values.get(node) as Tensor;
  }

  /** One operator whose result has this shape. */
  make(
    operator: string,
    inputs: readonly (Emitted | string)[],
    result: Omit<Emitted, "name"> & { readonly attributes?: Readonly<Record<string, Attribute>> },
  ): Emitted {
    const { shape, rows, cell, attributes } = result;
    const names = inputs.map((input) => (typeof input === "string" ? input : input.name));
    return { name: this.writer.node(operator, names, attributes), shape, rows, cell };
  }

  /** An elementwise operator on tensors that broadcast to `shape`. */
  map(operator: string, inputs: readonly Emitted[], cell: Cell = at(inputs, 0).cell): Emitted {
    const rows = inputs.some((input) => input.rows);
    const rank = Math.max(...inputs.map((input) => input.shape.length));
    const aligned = inputs.map((input) => this.padded(input, rank));
    const shape = range(rank).map((axis) =>
      aligned.reduce((size, input) => {
        const own = input.shape[axis - rank + input.shape.length] ?? 1;
        return own === 1 ? size : own;
      }, 1),
    );
    return this.make(operator, aligned, { shape, rows, cell });
  }

  /** A number that broadcasts to anything. */
  number(value: number, cell: Cell = "float"): Emitted {
    return { name: this.writer.scalar(value, cell), shape: [], rows: false, cell };
  }

  reshape(x: Emitted, shape: Shape): Emitted {
    if (sameShape(x.shape, shape)) return x;
    return this.make("Reshape", [x, this.writer.ints(x.rows ? [0, ...shape] : shape)], { ...x, shape });
  }

  transpose(x: Emitted, order: readonly number[]): Emitted {
    if (order.every((axis, index) => axis === index)) return x;
    const shape = order.map((axis) => at(x.shape, axis));
    const perm = x.rows ? [0, ...order.map((axis) => axis + 1)] : order;
    return this.make("Transpose", [x], { ...x, shape, attributes: { perm } });
  }

  /** Axes of size 1 in front, where the batch axis would be aligned with another one. */
  padded(x: Emitted, rank: number): Emitted {
    if (!x.rows || x.shape.length >= rank) return x;
    return this.reshape(x, [...range(rank - x.shape.length).map(() => 1), ...x.shape]);
  }

  expand(x: Emitted, shape: Shape): Emitted {
    const aligned = this.padded(x, shape.length);
    if (sameShape(aligned.shape, shape)) return aligned;
    return this.make("Expand", [aligned, this.writer.ints(x.rows ? [1, ...shape] : shape)], { ...x, shape });
  }

  withRows(x: Emitted): Emitted {
    if (x.rows) return x;
    const count = this.rowCount();
    const shape =
      x.shape.length === 0
        ? count
        : this.writer.node("Concat", [count, this.writer.ints(x.shape)], { axis: 0 });
    return this.make("Expand", [x, shape], { ...x, rows: true });
  }

  /** How many rows there are, as a list of one number. */
  rowCount(): string {
    invariant(this.#rowInput !== undefined, "a value of each row needs an input of rows");
    return this.writer.node("Shape", [this.#rowInput], { start: 0, end: 1 });
  }

  cast(x: Emitted, cell: Cell): Emitted {
    if (x.cell === cell) return x;
    return this.make("Cast", [x], { ...x, cell, attributes: { to: this.writer.elementOf(cell) } });
  }

  /** The tensor's axis of a row's axis. */
  axis(x: Emitted, axis: number): number {
    return x.rows ? axis + 1 : axis;
  }

  /** A node without inputs as a stored tensor. */
  #stored(node: Node): Emitted {
    const uniform = uniformValue(node);
    const { shape, cell } = node;
    if (uniform !== undefined && isLarge(shape)) return this.expand(this.number(uniform, cell), shape);
    if (MOVEMENTS.has(node.op) && sizeOf(shape) > MOVED_CELLS) return this.#emit(this, node);
    const values =
      node.op === "constant" && node.values.length === sizeOf(shape) ? node.values : this.valueOf(node).data;
    return { name: this.writer.tensor(values, shape, cell), shape, rows: false, cell };
  }
}
