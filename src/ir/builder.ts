/**
 * Makes nodes: the only place that does.
 *
 * Every method checks shapes and cells, broadcasts elementwise operands by numpy's rule (explicit `broadcast`
 * nodes), applies the exact identities of `identities.ts`, and shares equal nodes (so common
 * subexpressions never exist twice). Errors are `UsageError`s that name shapes and the current origin.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { simplified } from "./identities.ts";
import { keyOf } from "./key.ts";
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
  Origin,
  Program,
  ReduceOp,
  Shape,
  UnaryOp,
} from "./types.ts";

/** A node's own fields, before the builder adds id, level and origin. */
export type Draft = DraftOf<Node>;
/** The draft of one kind of node. */
export type DraftOf<N> = N extends Node
  ? Omit<N, "id" | "level" | "origin"> & { readonly level?: Level }
  : never;

const LEVELS: readonly Level[] = ["constant", "bound", "row", "finish"];
/** Constants up to this many cells are folded when compiling; larger ones are weights, known when bound. */
const FOLDABLE_CELLS = 64;

/** Axis and step counts of a slice, one entry per axis. */
export interface SliceSpec {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly shape: Shape;
}

/** The axis labels of a two-operand einsum. */
export interface ContractLabels {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly out: readonly number[];
}

/** What a scan reads: its first carries, values with one entry per step (axis 0), and values equal in every step. */
export interface ScanOperands {
  readonly carries: readonly Node[];
  readonly perStep: readonly Node[];
  readonly captured: readonly Node[];
}

/** See the file's header. */
export class Builder {
  /** Given to every node made while it is set. */
  origin: Origin | undefined;
  readonly #nodes = new Map<string, Node>();
  readonly #identities: boolean;
  #next = 0;

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
      `${data.length} numbers do not fill shape ${showShape(shape)}`,
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
    this.#require(
      x.cell === y.cell && x.cell !== "bool",
      `${op} takes two floats or two ints, not ${x.cell} and ${y.cell}`,
    );
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
      `cannot reshape ${showShape(a.shape)} to ${showShape(shape)}`,
    );
    return this.#intern({ op: "reshape", a, shape, cell: a.cell });
  }

  transpose(a: Node, order: readonly number[]): Node {
    const legal =
      order.length === a.shape.length && range(order.length).every((axis) => order.includes(axis));
    this.#require(legal, `transpose order [${order}] does not fit shape ${showShape(a.shape)}`);
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
      `cannot broadcast ${showShape(a.shape)} to ${showShape(shape)}`,
    );
    return sameShape(a.shape, shape) ? a : this.#intern({ op: "broadcast", a, shape, cell: a.cell });
  }

  slice(a: Node, spec: SliceSpec): Node {
    const { starts, steps, shape } = spec;
    const fits = range(a.shape.length).every((axis) =>
      this.#inside(at(a.shape, axis), [at(starts, axis), at(steps, axis), at(shape, axis)]),
    );
    this.#require(
      shape.length === a.shape.length && fits,
      `slice [${starts}] step [${steps}] shape ${showShape(shape)} leaves ${showShape(a.shape)}`,
    );
    return this.#intern({ op: "slice", a, starts, steps, shape, cell: a.cell });
  }

  pad(a: Node, spec: SliceSpec): Node {
    const { starts, steps, shape } = spec;
    const fits = range(a.shape.length).every((axis) =>
      this.#inside(at(shape, axis), [at(starts, axis), at(steps, axis), at(a.shape, axis)]),
    );
    this.#require(
      shape.length === a.shape.length && fits,
      `pad [${starts}] step [${steps}] of ${showShape(a.shape)} leaves ${showShape(shape)}`,
    );
    return this.#intern({ op: "pad", a, starts, steps, shape, cell: a.cell });
  }

  concat(parts: readonly Node[], axis: number): Node {
    const first = parts[0];
    this.#require(first !== undefined, "concat needs at least one part");
    const fits = parts.every(
      (part) =>
        part.cell === first.cell &&
        part.shape.length === first.shape.length &&
        axis < part.shape.length &&
        part.shape.every((size, index) => index === axis || size === first.shape[index]),
    );
    this.#require(
      fits,
      `cannot concat ${parts.map((part) => showShape(part.shape)).join(", ")} along axis ${axis}`,
    );
    const total = parts.reduce((sum, part) => sum + at(part.shape, axis), 0);
    return this.#intern({
      op: "concat",
      parts,
      axis,
      shape: first.shape.map((size, index) => (index === axis ? total : size)),
      cell: first.cell,
    });
  }

  gather(a: Node, indices: Node, axis: number): Node {
    this.#require(
      indices.cell === "int" && axis < a.shape.length,
      `gather takes int indices and an axis of ${showShape(a.shape)}`,
    );
    const shape = [...a.shape.slice(0, axis), ...indices.shape, ...a.shape.slice(axis + 1)];
    return this.#intern({ op: "gather", a, indices, axis, shape, cell: a.cell });
  }

  scatterAdd(a: Node, indices: Node, target: { axis: number; size: number }): Node {
    const { axis, size } = target;
    this.#require(
      indices.cell === "int" && sameShape(a.shape.slice(axis, axis + indices.shape.length), indices.shape),
      "scatterAdd's indices must fit the updates",
    );
    const shape = [...a.shape.slice(0, axis), size, ...a.shape.slice(axis + indices.shape.length)];
    return this.#intern({ op: "scatterAdd", a, indices, axis, shape, cell: a.cell });
  }

  reduce(op: ReduceOp, a: Node, axes: readonly number[]): Node {
    this.#require(
      axes.every((axis) => axis >= 0 && axis < a.shape.length) && new Set(axes).size === axes.length,
      `${op} axes [${axes}] do not fit ${showShape(a.shape)}`,
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

  contract(a: Node, b: Node, labels: ContractLabels): Node {
    const sizes = new Map<number, number>();
    for (const [node, own] of [
      [a, labels.a],
      [b, labels.b],
    ] as const) {
      this.#require(
        own.length === node.shape.length && new Set(own).size === own.length,
        `contract labels [${own}] do not fit ${showShape(node.shape)}`,
      );
      own.forEach((label, axis) => {
        const size = sizes.get(label) ?? at(node.shape, axis);
        this.#require(
          size === node.shape[axis],
          `contract of ${showShape(a.shape)} and ${showShape(b.shape)}: sizes ${size} and ${node.shape[axis]} meet`,
        );
        sizes.set(label, size);
      });
    }
    this.#require(
      labels.out.every((label) => sizes.has(label)),
      "contract's out labels must occur in an operand",
    );
    this.#require(a.cell === "float" && b.cell === "float", "contract takes floats");
    const shape = labels.out.map((label) => sizes.get(label) as number);
    return this.#intern({
      op: "contract",
      a,
      b,
      aLabels: labels.a,
      bLabels: labels.b,
      outLabels: labels.out,
      shape,
      cell: "float",
    });
  }

  /** x @ y as numpy has it for rank ≥ 1 on both sides, stack axes broadcast. */
  matmul(a: Node, b: Node): Node {
    this.#require(a.shape.length > 0 && b.shape.length > 0, "matmul takes at least one axis on both sides");
    const stackRank = Math.max(a.shape.length, b.shape.length, 2) - 2;
    const stack = this.#joint("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    const [x, y] = [a, b].map((node) =>
      node.shape.length > 2 ? this.broadcast(node, [...stack, ...node.shape.slice(-2)]) : node,
    ) as [Node, Node];
    const [row, inner, column] = [stackRank, stackRank + 1, stackRank + 2];
    const stackOf = (node: Node): number[] => (node.shape.length > 2 ? range(stackRank) : []);
    const out = [
      ...range(stackRank),
      ...(a.shape.length > 1 ? [row] : []),
      ...(b.shape.length > 1 ? [column] : []),
    ];
    return this.contract(x, y, {
      a: [...stackOf(x), ...(a.shape.length > 1 ? [row] : []), inner],
      b: [...stackOf(y), inner, ...(b.shape.length > 1 ? [column] : [])],
      out,
    });
  }

  window(a: Node, spec: { axis: number; size: number; stride: number; dilation: number }): Node {
    const { axis, size, stride, dilation } = spec;
    const count = Math.floor((at(a.shape, axis) - (size - 1) * dilation - 1) / stride) + 1;
    this.#require(
      axis < a.shape.length && count > 0,
      `a window of ${size} (dilation ${dilation}) does not fit axis ${axis} of ${showShape(a.shape)}`,
    );
    return this.#intern({
      op: "window",
      a,
      axis,
      size,
      stride,
      dilation,
      shape: [...a.shape.slice(0, axis), count, size, ...a.shape.slice(axis + 1)],
      cell: a.cell,
    });
  }

  unwindow(a: Node, spec: { axis: number; length: number; stride: number; dilation: number }): Node {
    const { axis, length, stride, dilation } = spec;
    const reach = (at(a.shape, axis) - 1) * stride + (at(a.shape, axis + 1) - 1) * dilation + 1;
    this.#require(reach <= length, `unwindow of ${showShape(a.shape)} leaves ${length} cells`);
    return this.#intern({
      op: "unwindow",
      a,
      axis,
      stride,
      dilation,
      shape: [...a.shape.slice(0, axis), length, ...a.shape.slice(axis + 2)],
      cell: a.cell,
    });
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
    const given = [
      ...carries.map((node) => node.shape),
      ...perStep.map((node) => node.shape.slice(1)),
      ...captured.map((node) => node.shape),
    ];
    const fits =
      given.length === body.inputs.length &&
      body.inputs.every((input, index) => sameShape(input.shape, at(given, index)));
    this.#require(
      fits,
      `scan's body takes ${showShapes(body.inputs)}, got ${given.map(showShape).join(", ")}`,
    );
    this.#require(
      perStep.every((node) => node.shape[0] === steps),
      `scan's per-step inputs ${showShapes(perStep)} do not have ${steps} steps`,
    );
    const kept = carries.every((carry, index) =>
      sameShape(carry.shape, body.outputs[index]?.value.shape ?? [-1]),
    );
    this.#require(kept, "scan's body must return its carries first, with their shapes");
    return this.#intern({ op: "scan", body, steps, carries, perStep, captured, shape: [], cell: "float" });
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
    const fits =
      inputs.length === args.length &&
      inputs.every((input, index) => sameShape(input.shape, (args[index] as Node).shape));
    this.#require(
      fits,
      `${callee.name} takes ${inputs.map((input) => showShape(input.shape)).join(", ")}, got ${args.map((arg) => showShape(arg.shape)).join(", ")}`,
    );
    const value = at(outputs, 0).value;
    return this.#intern({ op: "call", callee, args, shape: value.shape, cell: value.cell });
  }

  jacobian(program: Program, args: readonly Node[], which: { output: number; wrt: number }): Node {
    const shape = [...at(program.outputs, which.output).value.shape, ...at(program.inputs, which.wrt).shape];
    return this.#intern({ op: "jacobian", program, args, ...which, shape, cell: "float" });
  }

  stopGradient(a: Node): Node {
    return this.#intern({ op: "stopGradient", a, shape: a.shape, cell: a.cell });
  }

  #intern(draft: Draft): Node {
    const reduced = this.#identities ? simplified(this, draft) : undefined;
    if (reduced !== undefined) return reduced;
    const key = keyOf(draft);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const level = draft.level ?? this.#levelOf(draft);
    const node = Object.freeze({
      ...draft,
      level,
      id: this.#next++,
      ...(this.origin === undefined ? {} : { origin: this.origin }),
    }) as Node;
    this.#nodes.set(key, node);
    return node;
  }

  #levelOf(draft: Draft): Level {
    const levels = operandsOfDraft(draft).map((node) => node.level);
    if (levels.includes("row") && levels.includes("finish")) {
      throw new UnsupportedError(
        "JR210",
        `${draft.op} joins a sum over rows with a row's value${this.#place()}: a row sum may feed what follows all rows, never a row again`,
      );
    }
    return LEVELS[Math.max(0, ...levels.map((level) => LEVELS.indexOf(level)))] as Level;
  }

  #aligned(op: string, a: Node, b: Node): [Node, Node] {
    const shape = this.#joint(op, a.shape, b.shape);
    return [this.broadcast(a, shape), this.broadcast(b, shape)];
  }

  #joint(op: string, a: Shape, b: Shape): Shape {
    const shape = broadcastShapes(a, b);
    this.#require(shape !== undefined, `${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast`);
    return shape;
  }

  #inside(size: number, [start, step, count]: [number, number, number]): boolean {
    const last = start + (count - 1) * step;
    return count === 0 || (step !== 0 && start >= 0 && start < size && last >= 0 && last < size);
  }

  #place(): string {
    return this.origin === undefined ? "" : ` (at ${this.origin.name})`;
  }

  #require(condition: unknown, message: string): asserts condition {
    if (!condition) throw new UsageError("JR201", `${message}${this.#place()}`);
  }
}

function operandsOfDraft(draft: Draft): readonly Node[] {
  return operandsOf(draft as Node);
}

function showShapes(nodes: readonly Node[]): string {
  return nodes.map((node) => showShape(node.shape)).join(", ");
}
