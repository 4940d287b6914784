/**
 * One ONNX node as an operator's importer sees it: inputs as values, attributes with defaults, and the ways to
 * answer: a new value, a refusal because rows would mix, or a refusal because a feature is missing.
 *
 * Always: refusals name the operator, the node and the path from the model's input.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Cell, Node } from "../ir/types.ts";
import { type Layout, plain, rowShape, showLayout } from "./layout.ts";
import type { AttributeProto, GraphProto, TensorProto } from "./model.ts";
import { evaluated } from "./movement.ts";
import { isNumber, type Size } from "./size.ts";
import { type Dtype, readTensor } from "./tensor.ts";
import { type Path, showPath, Value } from "./value.ts";
import { varintsOf } from "./wire.ts";
import { asWritten } from "./written.ts";

/** Imports a subgraph in the scope of the node; `inputs` stand for the subgraph's own. */
export type Subgraph = (graph: GraphProto, inputs?: readonly Value[]) => Value[];

/** What the importer gives to each operator. */
export interface CallParts {
  readonly operator: string;
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
  readonly b: Builder;
  /** Imports a subgraph in the scope of this node. */
  readonly subgraph: Subgraph;
}

const utf8 = new TextDecoder();

/** One node being imported. */
export class Call {
  readonly operator: string;
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly string[];
  readonly b: Builder;
  readonly subgraph: Subgraph;
  readonly #attributes: ReadonlyMap<string, AttributeProto>;

  constructor(parts: CallParts) {
    this.operator = parts.operator;
    this.name = parts.name;
    this.opset = parts.opset;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.b = parts.b;
    this.subgraph = parts.subgraph;
    this.#attributes = new Map(parts.attributes.map((attribute) => [attribute.name ?? "", attribute]));
  }

  /** `Gemm "fc1"`. */
  get label(): string {
    return labelOf(this.operator, this.name);
  }

  /** A required input. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (value === undefined) throw new UsageError("JR506", `${this.label} lacks its input ${index}.`);
    return value;
  }

  /** Every given input. */
  get given(): Value[] {
    return this.inputs.filter((value) => value !== undefined);
  }

  has(attribute: string): boolean {
    return this.#attributes.has(attribute);
  }

  int(name: string, otherwise: number): number {
    return this.#attributes.get(name)?.i ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    const stored = this.#attributes.get(name)?.f;
    return stored === undefined ? otherwise : asWritten(stored);
  }

  text(name: string, otherwise: string): string {
    const bytes = this.#attributes.get(name)?.s;
    return bytes === undefined ? otherwise : utf8.decode(bytes);
  }

  texts(name: string): string[] {
    return (this.#attributes.get(name)?.strings ?? []).map((bytes) => utf8.decode(bytes));
  }

  ints(name: string): number[] | undefined {
    const attribute = this.#attributes.get(name);
    return attribute === undefined ? undefined : varintsOf(attribute.ints, this.label);
  }

  floats(name: string): number[] | undefined {
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    const tensor = {
      dims: [],
      floatData: attribute.floats,
      int32Data: [],
      int64Data: [],
      doubleData: [],
      uint64Data: [],
      external: [],
    };
    const count = attribute.floats.reduce(
      (sum, run) => sum + (run instanceof Uint8Array ? run.length / 4 : run.length),
      0,
    );
    return [
      ...readTensor({ ...tensor, type: 1, dims: [[count]] }, `${this.label}'s attribute ${name}`).values,
    ];
  }

  tensor(name: string): TensorProto | undefined {
    return this.#attributes.get(name)?.t;
  }

  graph(name: string): GraphProto | undefined {
    return this.#attributes.get(name)?.g;
  }

  /** The numbers of an input that must be known while importing: axes, shapes, indices. May hold multiples of B. */
  cells(index: number, what: string): readonly Size[] {
    const { cells, path } = this.input(index);
    if (cells !== undefined) return cells;
    const from = path === undefined ? "" : ` It comes from ${showPath(path)}.`;
    return this.unsupported(
      `its ${what} must be known before any row is, and is computed from the data.${from}`,
    );
  }

  /** As `cells`, but plain numbers only. */
  numbers(index: number, what: string): number[] {
    const cells = this.cells(index, what);
    if (!cells.every(isNumber)) this.mixes(`its ${what} would depend on how many rows there are`);
    return cells as number[];
  }

  /** `numbers` of an input that newer opsets have where older ones had an attribute. */
  numbersOr(index: number, attribute: string): number[] | undefined {
    return this.inputs[index] === undefined ? this.ints(attribute) : this.numbers(index, attribute);
  }

  /** A value of this call from an IR node; the node may still have axes of size one. */
  value(node: Node, layout: Layout, dtype: Dtype = this.given[0]?.dtype ?? "float32"): Value {
    if (sizeOf(layout.sizes) > MOST_ROW_CELLS) {
      this.unsupported(`its result ${showLayout(layout)} has more than 2³¹ cells in one row.`);
    }
    const squeezed = this.b.reshape(node, rowShape(layout));
    const path = this.path();
    const known = path === undefined && layout.batch === undefined && foldable(layout.sizes);
    const cells = known ? () => Array.from(evaluated(squeezed).data) : undefined;
    return new Value({ dtype, layout, node: () => squeezed, cells, path });
  }

  /** A value whose cells are known. */
  known(cells: readonly Size[], sizes: readonly number[], dtype: Dtype): Value {
    return new Value({
      dtype,
      layout: plain(sizes),
      cells: () => cells,
      node: () => this.constant(cells, sizes, dtype),
      path: undefined,
    });
  }

  /** Known cells as an IR constant without axes of size one. */
  private constant(cells: readonly Size[], sizes: readonly number[], dtype: Dtype): Node {
    if (!cells.every(isNumber))
      this.mixes("it makes data out of the number of rows, so every row would depend on how many there are");
    const uniform = cells.length > 0 && cells.every((cell) => Object.is(cell, cells[0]));
    return this.b.constant(uniform ? (cells[0] as number) : cells, rowShape(plain(sizes)), cellOf(dtype));
  }

  /** The path of a result: through the first input that depends on the row. */
  path(): Path | undefined {
    const from = this.given.find((value) => value.path !== undefined)?.path;
    return from === undefined ? undefined : { step: this.label, from };
  }

  /** Checks an axis and makes it count from the front. */
  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= Math.max(rank, 1)) {
      throw new UsageError("JR506", `${this.label} names the axis ${axis} of a tensor of rank ${rank}.`);
    }
    return axis < 0 ? axis + rank : axis;
  }

  /** Refuses because rows would meet. */
  mixes(why: string): never {
    const shapes = this.given.map(({ layout }) => showLayout(layout)).join(" and ");
    const path = this.path();
    const trace = path === undefined ? "" : ` Path: ${showPath(path)}.`;
    throw new UnsupportedError(
      "JR520",
      `${this.label} mixes rows: ${why}. Its inputs are ${shapes}.${trace} A row-wise Jacobian needs rows that do not depend on each other.`,
    );
  }

  /** Refuses because jacrow lacks something. */
  unsupported(why: string): never {
    throw new UnsupportedError("JR511", `${this.label}: ${why}`);
  }

  /** Refuses a node that breaks ONNX's own rules. */
  malformed(why: string): never {
    throw new UsageError("JR506", `${this.label}: ${why}`);
  }
}

/** `Gemm "fc1"`, or the operator alone for nodes without a name. */
export function labelOf(operator: string, name: string): string {
  return name === "" ? operator : `${operator} "${name}"`;
}

/** The IR cell of a dtype. */
export function cellOf(dtype: Dtype): Cell {
  return dtype === "int" || dtype === "bool" ? dtype : "float";
}

/** Most cells that are folded or kept as numbers while importing. */
export const MOST_KNOWN_CELLS = 65_536;

/** Most cells of one value of one row. */
const MOST_ROW_CELLS = 2 ** 31;

/** True if a tensor of these sizes may be kept as numbers. */
export function foldable(sizes: readonly number[]): boolean {
  return sizeOf(sizes) <= MOST_KNOWN_CELLS;
}
