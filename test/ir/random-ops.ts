/**
 * One random node of each op: a table keyed by op, so that a new op cannot be forgotten by the property tests.
 *
 * Arguments are brought into a safe part of the op's domain first, away from poles; values stay of moderate size.
 */

import type { Builder } from "../../src/ir/builder.ts";
import { binaryOps, compareOps, logicOps, reduceOps, sameRule, unaryOps } from "../../src/ir/ops.ts";
import { at, broadcastShapes, range, sizeOf } from "../../src/ir/shape.ts";
import type {
  BinaryOp,
  Cell,
  CompareOp,
  LogicOp,
  Node,
  Op,
  Program,
  ReduceOp,
  Shape,
  UnaryOp,
} from "../../src/ir/types.ts";
import type { Random } from "./random.ts";

/** What a maker draws from. */
export interface Source {
  readonly random: Random;
  readonly builder: Builder;
  /** A node made before, or a new one, of this cell. */
  some(cell: Cell): Node;
  /** A program of these inputs whose outputs have these shapes. */
  program(name: string, inputs: readonly Shape[], outputs: readonly Shape[]): Program;
}

/** Values beyond this many cells are not made. */
export const MOST_CELLS = 96;

/** A shape of at most three axes of sizes 1 … 4. */
export function randomShape(random: Random): number[] {
  return range(random.between(0, 3)).map(() => random.between(1, 4));
}

/** Random numbers in [−1, 1) as a constant. */
export function randomConstant({ random, builder }: Source, shape: Shape): Node {
  return builder.constant(
    range(sizeOf(shape)).map(() => random.signed()),
    shape,
  );
}

const bounded = (b: Builder, x: Node): Node => b.unary("tanh", x);
const positive = (b: Builder, x: Node): Node => b.add(b.unary("abs", bounded(b, x)), b.constant(0.5));

/** x moved into the op's domain. */
function inDomain(b: Builder, op: UnaryOp, x: Node): Node {
  if (op === "sqrt" || op === "log" || op === "log1p") return positive(b, x);
  if (op === "acosh") return b.add(positive(b, x), b.constant(1));
  if (op === "asin" || op === "acos" || op === "atanh") return b.mul(bounded(b, x), b.constant(0.9));
  return op === "exp" || op === "expm1" || op === "sinh" || op === "cosh" || op === "tan" ? bounded(b, x) : x;
}

/** Another value that broadcasts with x: of its shape, with axes of size one, or with fewer axes. */
function partner(source: Source, x: Node): Node {
  const { random, builder } = source;
  const other = source.some(x.cell);
  if (other.shape.length === x.shape.length && other.shape.every((size, axis) => size === x.shape[axis]))
    return other;
  const shape = x.shape
    .slice(random.between(0, x.shape.length))
    .map((size) => (random.chance(0.3) ? 1 : size));
  return x.cell === "float"
    ? randomConstant(source, shape)
    : builder.broadcast(builder.constant(1, [], x.cell), shape);
}

function binary(source: Source, op: BinaryOp): Node {
  const { builder: b, random } = source;
  const x =
    random.chance(0.1) && (op === "add" || op === "min" || op === "max")
      ? source.some("int")
      : source.some("float");
  const y = partner(source, x);
  if (op === "div" || op === "mod") return b.binary(op, x, positive(b, y));
  if (op === "pow")
    return b.binary(
      op,
      positive(b, x),
      random.chance(0.5) ? b.constant(random.between(-2, 4)) : bounded(b, y),
    );
  if (op === "mul" && x.cell === "float") return b.mul(x, bounded(b, y));
  return random.chance(0.5) ? b.binary(op, x, y) : b.binary(op, y, x);
}

function compare(source: Source, op: CompareOp): Node {
  const x = source.some(source.random.chance(0.2) ? "int" : "float");
  return source.builder.compare(op, x, partner(source, x));
}

function logic(source: Source, op: LogicOp): Node {
  const x = source.some("bool");
  return source.builder.logic(op, x, partner(source, x));
}

function reduce(source: Source, op: ReduceOp): Node {
  const { builder: b, random } = source;
  const x = source.some(op === "any" || op === "all" ? "bool" : "float");
  const axes = range(x.shape.length).filter(() => random.chance(0.6));
  return b.reduce(op, op === "reduceProd" ? bounded(b, x) : x, random.shuffled(axes));
}

/** Starts, steps and counts of a random part of a shape. */
function randomPart(
  { random }: Source,
  whole: Shape,
): { starts: number[]; steps: number[]; shape: number[] } {
  const axes = whole.map((size) => {
    const count = random.between(random.chance(0.05) ? 0 : 1, size);
    const stride = count < 2 ? 1 : random.between(1, Math.floor((size - 1) / (count - 1)));
    const first = random.between(0, Math.max(0, size - 1 - (count - 1) * stride));
    return random.chance(0.3)
      ? [first + Math.max(0, count - 1) * stride, -stride, count]
      : [first, stride, count];
  });
  const [starts, steps, shape] = [0, 1, 2].map((field) => axes.map((axis) => at(axis, field)));
  return { starts: starts ?? [], steps: steps ?? [], shape: shape ?? [] };
}

function pad(source: Source): Node {
  const x = source.some("float");
  const whole = x.shape.map((size) => size + source.random.between(0, 2));
  const starts = whole.map((size, axis) => source.random.between(0, size - at(x.shape, axis)));
  return source.builder.pad(x, { starts, steps: whole.map(() => 1), shape: whole });
}

function reshape(source: Source): Node {
  const x = source.some("float");
  const shape = source.random.shuffled([...x.shape, ...(source.random.chance(0.5) ? [1] : [])]);
  return source.builder.reshape(x, source.random.chance(0.3) ? [sizeOf(shape)] : shape);
}

function concat(source: Source): Node | undefined {
  const { random, builder } = source;
  const x = source.some("float");
  if (x.shape.length === 0) return undefined;
  const axis = random.between(0, x.shape.length - 1);
  const other = randomConstant(source, x.shape.with(axis, random.between(1, 2)));
  return builder.concat(random.shuffled([x, other, ...(random.chance(0.3) ? [x] : [])]), axis);
}

/** Whole numbers in [0, size): known when compiling, or computed from a row. */
function indices(source: Source, size: number): Node {
  const { random, builder: b } = source;
  const wild = source.some("float");
  if (random.chance(0.5) && sizeOf(wild.shape) <= 6) {
    const whole = b.convert(b.mul(b.unary("abs", bounded(b, wild)), b.constant(9)), "int");
    return b.binary("mod", whole, b.constant(size, [], "int"));
  }
  const shape = range(random.between(0, 2)).map(() => random.between(1, 3));
  return b.constant(
    range(sizeOf(shape)).map(() => random.between(0, size - 1)),
    shape,
    "int",
  );
}

function gather(source: Source): Node | undefined {
  const { random, builder } = source;
  const x = source.some("float");
  if (x.shape.length === 0) return undefined;
  const axis = random.between(0, x.shape.length - 1);
  return builder.gather(x, indices(source, at(x.shape, axis)), axis);
}

function scatterAdd(source: Source): Node {
  const { random, builder } = source;
  const x = source.some("float");
  const size = random.between(1, 4);
  const places = indices(source, size);
  const axis = random.between(0, x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...places.shape, ...x.shape.slice(axis)];
  const updates =
    sizeOf(x.shape) * sizeOf(places.shape) > MOST_CELLS ? randomConstant(source, places.shape) : undefined;
  if (updates !== undefined) return builder.scatterAdd(updates, places, { axis: 0, size });
  const spread = [...x.shape.slice(0, axis), ...places.shape.map(() => 1), ...x.shape.slice(axis)];
  return builder.scatterAdd(builder.broadcast(builder.reshape(x, spread), shape), places, { axis, size });
}

/** Each axis of b meets an axis of a of its size, or is free; the result keeps a random part. */
function contract(source: Source): Node {
  const { random, builder } = source;
  const [a, b] = [
    source.some("float"),
    random.chance(0.5) ? source.some("float") : randomConstant(source, randomShape(random)),
  ];
  const aLabels = range(a.shape.length);
  const taken = new Set<number>();
  const bLabels = b.shape.map((size, axis) => {
    const meets = aLabels.filter((label) => a.shape[label] === size && !taken.has(label));
    const label = meets.length > 0 && random.chance(0.7) ? random.pick(meets) : 10 + axis;
    taken.add(label);
    return label;
  });
  const all = random.shuffled([...new Set([...aLabels, ...bLabels])]);
  const shared = all.filter((label) => label < 10 && taken.has(label));
  const out = all.filter((label) => (shared.includes(label) ? random.chance(0.3) : random.chance(0.85)));
  return builder.contract(a, bounded(builder, b), { a: aLabels, b: bLabels, out });
}

function window(source: Source): Node | undefined {
  const { random, builder } = source;
  const x = source.some("float");
  if (x.shape.length === 0) return undefined;
  const axis = random.between(0, x.shape.length - 1);
  const [size, dilation] = [random.between(1, 3), random.between(1, 2)];
  return (size - 1) * dilation < at(x.shape, axis)
    ? builder.window(x, { axis, size, stride: random.between(1, 2), dilation })
    : undefined;
}

function unwindow(source: Source): Node | undefined {
  const { random, builder } = source;
  const x = source.some("float");
  if (x.shape.length < 2) return undefined;
  const axis = random.between(0, x.shape.length - 2);
  const [stride, dilation] = [random.between(1, 2), random.between(1, 2)];
  const reach = (at(x.shape, axis) - 1) * stride + (at(x.shape, axis + 1) - 1) * dilation + 1;
  return builder.unwindow(x, { axis, length: reach + random.between(0, 1), stride, dilation });
}

function scan(source: Source): Node {
  const { random, builder } = source;
  const carry = source.some("float");
  const steps = random.between(1, 3);
  const stack = randomConstant(source, [steps, ...randomShape(random).slice(0, 2)]);
  const perStep = random.chance(0.5) ? [stack] : [];
  const captured = random.chance(0.5) ? [source.some("float")] : [];
  const inputs = [
    carry.shape,
    ...perStep.map((node) => node.shape.slice(1)),
    ...captured.map((node) => node.shape),
  ];
  const body = source.program("body", inputs, [carry.shape, randomShape(random)]);
  const results = builder.scan(body, steps, { carries: [carry], perStep, captured });
  return random.pick(results);
}

function call(source: Source): Node {
  const args = range(source.random.between(1, 2)).map(() => source.some("float"));
  const body = source.program(
    "body",
    args.map((arg) => arg.shape),
    [randomShape(source.random)],
  );
  return source.builder.call(
    { name: "random", attributes: { rate: source.random.between(1, 3) / 2 }, body },
    args,
  );
}

function jacobian(source: Source): Node {
  const args = range(source.random.between(1, 2)).map(() => source.some("float"));
  const program = source.program(
    "inner",
    args.map((arg) => arg.shape),
    [randomShape(source.random)],
  );
  return source.builder.jacobian(program, args, { output: 0, wrt: args.length - 1 });
}

const unary = (source: Source, op: UnaryOp): Node => {
  const x = source.some("float");
  return source.builder.unary(op, inDomain(source.builder, op, x));
};

/** A node of each op. Programs make inputs and projections themselves; `rowSum` comes last, when rows are done. */
export const makers: {
  readonly [K in Exclude<Op, "input" | "project" | "rowSum">]: (source: Source, op: K) => Node | undefined;
} = {
  constant: (source) => randomConstant(source, randomShape(source.random)),
  iota: ({ builder, random }) => {
    const shape = [...randomShape(random), 2];
    return builder.iota(shape, random.between(0, shape.length - 1));
  },
  ...sameRule(unaryOps, unary),
  ...sameRule(binaryOps, binary),
  ...sameRule(compareOps, compare),
  ...sameRule(logicOps, logic),
  ...sameRule(reduceOps, reduce),
  not: (source) => source.builder.not(source.some("bool")),
  convert: (source) => {
    const x = source.some(source.random.pick(["bool", "int", "float"] as const));
    return source.builder.convert(x, x.cell === "float" ? "int" : "float");
  },
  select: (source) => {
    const condition = source.some("bool");
    const a = randomConstant(source, condition.shape);
    const b = source.some("float");
    const fits = broadcastShapes(condition.shape, b.shape) !== undefined;
    return source.builder.select(condition, a, fits ? b : source.builder.sum(b, range(b.shape.length)));
  },
  reshape,
  transpose: (source) => {
    const x = source.some("float");
    return source.builder.transpose(x, source.random.shuffled(range(x.shape.length)));
  },
  broadcast: (source) => {
    const x = source.some("float");
    const sizes = x.shape.map((size) => (size === 1 ? source.random.between(1, 3) : size));
    return source.builder.broadcast(
      x,
      source.random.chance(0.5) ? [source.random.between(1, 3), ...sizes] : sizes,
    );
  },
  slice: (source) => {
    const x = source.some("float");
    return source.builder.slice(x, randomPart(source, x.shape));
  },
  pad,
  concat,
  gather,
  scatterAdd,
  contract,
  window,
  unwindow,
  scan,
  call,
  jacobian,
  stopGradient: (source) => source.builder.stopGradient(source.some("float")),
};
