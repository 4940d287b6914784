/**
 * Makes nodes: the only place that does.
 *
 * Every method checks shapes and cells, broadcasts elementwise operands by numpy's rule (explicit `broadcast`
 * nodes), applies the exact identities of `identities.ts`, and shares equal nodes (so common
 * subexpressions never exist twice). Errors are `UsageError`s that name shapes and the current origin.
 */

import { invariant, UnsupportedError, UsageError } from "../errors.ts";
import { simplified } from "./identities.ts";
import {
  allAlike,
  type ContractLabels,
  concatShape,
  contractShape,
  gatherShape,
  type Inferred,
  liesInside,
  type PartSpec,
  type ScanOperands,
  type SliceSpec,
  scanShape,
  scatterAddShape,
  showNodes,
  unwindowShape,
  windowShape,
} from "./infer.ts";
import { keyOf } from "./key.ts";
import { matmul } from "./matmul.ts";
import { operandsOf } from "./operands.ts";
import { at, broadcastShapes, broadcastsTo, range, sameShape, showShape, sizeOf } from "./shape.ts";
import type {
  BinaryOp,
  Callee,
  Cell,
  CompareOp,
  Level,
  LogicOp,
  Node,
  Op,
  Origin,
  Program,
  ReduceOp,
  Shape,
  UnaryOp,
} from "./types.ts";

export type { ContractLabels, ScanOperands, SliceSpec } from "./infer.ts";

/** A node's own fields, before the builder adds id, level and origin. */
export type Draft = DraftOf<Node>;
/** The draft of one kind of node. */
export type DraftOf<N> = N extends Node
  ? Omit<N, "id" | "level" | "origin"> & { readonly level?: Level }
  : never;

const LEVELS: readonly Level[] = ["constant", "bound", "row", "finish"];
/** Constants up to this many cells are folded when compiling; larger ones are weights, known when bound. */
const FOLDABLE_CELLS = 64;

/** See the file's header. */
export class Builder {
  /** Given to every node made while it is set. */
  origin: Origin | undefined;
  readonly #nodes = new Map<string, Node>();
  /** By id. */
  readonly #own: Node[] = [];
  readonly #identities: boolean;

  /** `identities: false` keeps nodes exactly as asked for (the parser needs that). */
  constructor(options: { identities?: boolean } = {}) {
    this.#identities = options.identities ?? true;
  }

  input(
    name: string,
    shape: Shape,
    options: { level?: "row" | "bound"; cell?: Cell } = {},
  ): Extract<Node, { op: "input" }> {
    const { level = "row", cell = "float" } = options;
    return this.#intern({ op: "input", name, shape, cell, level }) as Extract<Node, { op: "input" }>;
  }

  /** Numbers of the given shape; one number means the same everywhere. */
  constant(
    values: number | readonly number[] | Float64Array | Float32Array,
    shape: Shape = [],
    cell: Cell = "float",
  ): Node {
    const data =
      typeof values === "number"
        ? Float64Array.of(values)
        : "BYTES_PER_ELEMENT" in values
          ? values
          : Float64Array.from(values);
    this.#require(
      data.length === 1 || data.length === sizeOf(shape),
      () => `${data.length} numbers do not fill shape ${showShape(shape)}`,
    );
    const level = data.length <= FOLDABLE_CELLS ? "constant" : "bound";
    return this.#intern({ op: "constant", values: data, shape, cell, level });
  }

  iota(shape: Shape, axis: number): Node {
    return this.#intern({ op: "iota", axis, shape, cell: "int", level: "constant" });
  }

  unary(op: UnaryOp, a: Node): Node {
    this.#require(
      a.cell === "float" || (a.cell === "int" && (op === "neg" || op === "abs" || op === "sign")),
      `${op} takes floats, not ${a.cell}`,
    );
    return this.#intern({ op, a, shape: a.shape, cell: a.cell });
  }

  binary(op: BinaryOp, a: Node, b: Node): Node {
    const [x, y] = this.#aligned(op, a, b);
    const legal = x.cell === "float" || (x.cell === "int" && op !== "div" && op !== "pow" && op !== "atan2");
    this.#require(legal && x.cell === y.cell, `${op} does not take ${x.cell} and ${y.cell}`);
    return this.#intern({ op, a: x, b: y, shape: x.shape, cell: x.cell });
  }

  neg(a: Node): Node {
    return this.unary("neg", a);
  }
  add(a: Node, b: Node): Node {
    return this.binary("add", a, b);
  }
  sub(a: Node, b: Node): Node {
    return this.binary("sub", a, b);
  }
  mul(a: Node, b: Node): Node {
    return this.binary("mul", a, b);
  }
  div(a: Node, b: Node): Node {
    return this.binary("div", a, b);
  }

  compare(op: CompareOp, a: Node, b: Node): Node {
    const [x, y] = this.#aligned(op, a, b);
    this.#require(x.cell === y.cell, `${op} compares equal cells, not ${x.cell} and ${y.cell}`);
    return this.#intern({ op, a: x, b: y, shape: x.shape, cell: "bool" });
  }

  logic(op: LogicOp, a: Node, b: Node): Node {
    const [x, y] = this.#aligned(op, a, b);
    this.#require(x.cell === "bool" && y.cell === "bool", `${op} takes bools`);
    return this.#intern({ op, a: x, b: y, shape: x.shape, cell: "bool" });
  }

  not(a: Node): Node {
    this.#require(a.cell === "bool", "not takes a bool");
    return this.#intern({ op: "not", a, shape: a.shape, cell: "bool" });
  }

  convert(a: Node, cell: Cell): Node {
    if (a.cell === cell) return a;
    if (cell === "bool") return this.compare("ne", a, this.constant(0, [], a.cell));
    return this.#intern({ op: "convert", a, shape: a.shape, cell });
  }

  select(condition: Node, a: Node, b: Node): Node {
    this.#require(condition.cell === "bool", "select's condition is a bool");
    this.#require(a.cell === b.cell, `select's branches have equal cells, not ${a.cell} and ${b.cell}`);
    const shape = [condition, a, b].map((node) => node.shape).reduce((x, y) => this.#joint("select", x, y));
    return this.#intern({
      op: "select",
      condition: this.broadcast(condition, shape),
      a: this.broadcast(a, shape),
      b: this.broadcast(b, shape),
      shape,
      cell: a.cell,
    });
  }

  reshape(a: Node, shape: Shape): Node {
    this.#require(
      sizeOf(shape) === sizeOf(a.shape),
      () => `cannot reshape ${showShape(a.shape)} to ${showShape(shape)}`,
    );
    return this.#intern({ op: "reshape", a, shape, cell: a.cell });
  }

  transpose(a: Node, order: readonly number[]): Node {
    const legal =
      order.length === a.shape.length && range(order.length).every((axis) => order.includes(axis));
    this.#require(legal, () => `transpose order [${order}] does not fit shape ${showShape(a.shape)}`);
    return this.#intern({
      op: "transpose",
      a,
      order,
      shape: order.map((axis) => at(a.shape, axis)),
      cell: a.cell,
    });
  }

  broadcast(a: Node, shape: Shape): Node {
    this.#require(
      broadcastsTo(a.shape, shape),
      () => `cannot broadcast ${showShape(a.shape)} to ${showShape(shape)}`,
    );
    return sameShape(a.shape, shape) ? a : this.#intern({ op: "broadcast", a, shape, cell: a.cell });
  }

  slice(a: Node, spec: SliceSpec): Node {
    const { starts, steps, shape } = spec;
    this.#require(
      liesInside(a.shape, shape, spec),
      () => `slice ${showSlice(spec)} leaves ${showShape(a.shape)}`,
    );
    return this.#intern({ op: "slice", a, starts, steps, shape, cell: a.cell });
  }

  /** A slice of one axis, the others whole. */
  part(a: Node, { axis, start, count, step = 1 }: PartSpec): Node {
    const only = (inside: number, others: number): number[] =>
      a.shape.map((_, index) => (index === axis ? inside : others));
    return this.slice(a, { starts: only(start, 0), steps: only(step, 1), shape: a.shape.with(axis, count) });
  }

  pad(a: Node, spec: SliceSpec): Node {
    const { starts, steps, shape } = spec;
    this.#require(
      liesInside(shape, a.shape, spec),
      () => `pad ${showSlice(spec)} does not hold ${showShape(a.shape)}`,
    );
    return this.#intern({ op: "pad", a, starts, steps, shape, cell: a.cell });
  }

  concat(parts: readonly Node[], axis: number): Node {
    const shape = this.#legal(concatShape(parts, axis));
    return this.#intern({ op: "concat", parts, axis, shape, cell: at(parts, 0).cell });
  }

  gather(a: Node, indices: Node, axis: number): Node {
    const shape = this.#legal(gatherShape(a, indices, axis));
    return this.#intern({ op: "gather", a, indices, axis, shape, cell: a.cell });
  }

  scatterAdd(a: Node, indices: Node, target: { axis: number; size: number }): Node {
    const shape = this.#legal(scatterAddShape(a, indices, target));
    return this.#intern({ op: "scatterAdd", a, indices, axis: target.axis, shape, cell: a.cell });
  }

  reduce(op: ReduceOp, a: Node, axes: readonly number[]): Node {
    this.#require(
      axes.every((axis) => axis >= 0 && axis < a.shape.length) && new Set(axes).size === axes.length,
      () => `${op} axes [${axes}] do not fit ${showShape(a.shape)}`,
    );
    this.#require((op === "any" || op === "all") === (a.cell === "bool"), `${op} does not take ${a.cell}`);
    const sorted = [...axes].sort((x, y) => x - y);
    return this.#intern({
      op,
      a,
      axes: sorted,
      shape: a.shape.filter((_, axis) => !axes.includes(axis)),
      cell: a.cell,
    });
  }

  sum(a: Node, axes: readonly number[]): Node {
    return this.reduce("reduceSum", a, axes);
  }

  /** Labels are renamed 0, 1, … in order of appearance, so that equal contractions are shared. */
  contract(a: Node, b: Node, labels: ContractLabels): Node {
    const shape = this.#legal(contractShape(a, b, labels));
    const order = [...new Set([...labels.a, ...labels.b])];
    const renamed = (own: readonly number[]): number[] => own.map((label) => order.indexOf(label));
    const [aLabels, bLabels, outLabels] = [renamed(labels.a), renamed(labels.b), renamed(labels.out)];
    return this.#intern({ op: "contract", a, b, aLabels, bLabels, outLabels, shape, cell: "float" });
  }

  /** x @ y as numpy has it for rank ≥ 1 on both sides, stack axes broadcast. */
  matmul(a: Node, b: Node): Node {
    return matmul(this, a, b);
  }

  window(a: Node, spec: { axis: number; size: number; stride: number; dilation: number }): Node {
    const { axis, size, stride, dilation } = spec;
    const shape = this.#legal(windowShape(a.shape, spec));
    return this.#intern({ op: "window", a, axis, size, stride, dilation, shape, cell: a.cell });
  }

  unwindow(a: Node, spec: { axis: number; length: number; stride: number; dilation: number }): Node {
    const { axis, stride, dilation } = spec;
    const shape = this.#legal(unwindowShape(a.shape, spec));
    return this.#intern({ op: "unwindow", a, axis, stride, dilation, shape, cell: a.cell });
  }

  /** Final carries, then stacked outputs. */
  scan(body: Program, steps: number, operands: ScanOperands): Node[] {
    const scan = this.scanNode(body, steps, operands);
    return body.outputs.map(({ value }, index) => {
      const shape = index < operands.carries.length ? value.shape : [steps, ...value.shape];
      return this.project(scan, index, { shape, cell: value.cell });
    });
  }

  /** The scan itself, whose results `project` reads; most callers want `scan`. */
  scanNode(body: Program, steps: number, operands: ScanOperands): Node {
    const { carries, perStep, captured } = operands;
    const shape = this.#legal(scanShape(body, steps, operands));
    return this.#intern({ op: "scan", body, steps, carries, perStep, captured, shape, cell: "float" });
  }

  /** The one way to rebuild a projection when copying graphs. */
  project(a: Node, index: number, like: { shape: Shape; cell: Cell }): Node {
    return this.#intern({ op: "project", a, index, shape: like.shape, cell: like.cell });
  }

  rowSum(a: Node): Node {
    return this.#intern({ op: "rowSum", a, shape: a.shape, cell: a.cell, level: "finish" });
  }

  call(callee: Callee, args: readonly Node[]): Node {
    const { inputs, outputs } = callee.body;
    this.#require(
      allAlike(inputs, args),
      () => `${callee.name} takes ${showNodes(inputs)}, got ${showNodes(args)}`,
    );
    const value = at(outputs, 0).value;
    return this.#intern({ op: "call", callee, args, shape: value.shape, cell: value.cell });
  }

  jacobian(program: Program, args: readonly Node[], which: { output: number; wrt: number }): Node {
    this.#require(
      allAlike(program.inputs, args),
      () => `${program.name} takes ${showNodes(program.inputs)}, got ${showNodes(args)}`,
    );
    const shape = [...at(program.outputs, which.output).value.shape, ...at(program.inputs, which.wrt).shape];
    return this.#intern({
      op: "jacobian",
      program,
      args,
      output: which.output,
      wrt: which.wrt,
      shape,
      cell: "float",
    });
  }

  stopGradient(a: Node): Node {
    return this.#intern({ op: "stopGradient", a, shape: a.shape, cell: a.cell });
  }

  #intern(draft: Draft): Node {
    const reduced = this.#identities ? simplified(this, draft) : undefined;
    if (reduced !== undefined) return reduced;
    const operands = operandsOf(draft as Node);
    const own = operands.every((node) => this.#own[node.id] === node);
    if (!own) invariant(own, `${draft.op}${this.#place()} reads a node of another builder: use inline`);
    const key = keyOf(draft);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    this.#require(draft.shape.every(isCount), () => `${draft.op} has no shape ${showShape(draft.shape)}`);
    const level = draft.level ?? this.#levelOf(draft.op, operands);
    const made = { ...draft, level, id: this.#own.length };
    const node = Object.freeze(this.origin === undefined ? made : { ...made, origin: this.origin }) as Node;
    this.#nodes.set(key, node);
    this.#own.push(node);
    return node;
  }

  #levelOf(op: Op, operands: readonly Node[]): Level {
    if (operands.length > 0 && operands.every(({ level }) => level === "row")) return "row";
    const levels = operands.map((node) => node.level);
    if (levels.includes("row") && levels.includes("finish")) {
      const rule = "a row sum may feed what follows all rows, never a row again";
      throw new UnsupportedError(
        "JR210",
        `${op} joins a sum over rows with a row's value${this.#place()}: ${rule}`,
      );
    }
    return LEVELS[Math.max(0, ...levels.map((level) => LEVELS.indexOf(level)))] as Level;
  }

  #aligned(op: string, a: Node, b: Node): [Node, Node] {
    if (sameShape(a.shape, b.shape)) return [a, b];
    const shape = this.#joint(op, a.shape, b.shape);
    return [this.broadcast(a, shape), this.broadcast(b, shape)];
  }

  #joint(op: string, a: Shape, b: Shape): Shape {
    const shape = broadcastShapes(a, b);
    this.#require(
      shape !== undefined,
      () => `${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast`,
    );
    return shape;
  }

  #legal(shape: Inferred): Shape {
    this.#require(typeof shape !== "string", String(shape));
    return shape;
  }

  #place(): string {
    return this.origin === undefined ? "" : ` (at ${this.origin.name})`;
  }

  /** Messages that show shapes are made only when they are needed: nodes are made by the thousand. */
  #require(condition: unknown, message: string | (() => string)): asserts condition {
    if (condition) return;
    throw new UsageError("JR201", `${typeof message === "string" ? message : message()}${this.#place()}`);
  }
}

/** A size: a whole number ≥ 0. */
function isCount(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}

function showSlice({ starts, steps, shape }: SliceSpec): string {
  return `[${starts}] step [${steps}] shape ${showShape(shape)}`;
}
