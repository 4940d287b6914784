/** Elementwise arithmetic, comparisons, logic and casts, with folding of shape arithmetic. */

import type { Builder } from "../../ir/builder.ts";
import type { BinaryOp, CompareOp, Node, UnaryOp } from "../../ir/types.ts";
import { type Call, cellOf } from "../call.ts";
import { elementwise, mapped } from "../elementwise.ts";
import { full } from "../movement.ts";
import { binaryFolds, isNumber, type Size, unaryFolds } from "../size.ts";
import { type Dtype, dtypeOf } from "../tensor.ts";
import type { Value } from "../value.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { logOf, rootOf } from "./stable.ts";

type Pair = (b: Builder, x: Node, y: Node) => Node;

const pairOf =
  (op: BinaryOp): Pair =>
  (b, x, y) =>
    b.binary(op, x, y);

/** Two operands; the fold is that of the operator's own name unless given. */
function binary(since: number, emit: Pair, options: { dtype?: Dtype; fold?: string } = {}): Operator {
  return row(since, (call) =>
    elementwise(call, [call.input(0), call.input(1)], {
      emit: (b, [x, y]) => emit(b, x as Node, y as Node),
      fold: foldOf(options.fold ?? call.operator),
      ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    }),
  );
}

function foldOf(name: string): ((...cells: Size[]) => Size | undefined) | undefined {
  const [two, one] = [binaryFolds[name], unaryFolds[name]];
  if (two !== undefined) return (a, b) => two(a, b);
  return one === undefined ? undefined : (a) => one(a);
}

function compare(since: number, op: CompareOp, swapped = false): Operator {
  return binary(since, (b, x, y) => (swapped ? b.compare(op, y, x) : b.compare(op, x, y)), { dtype: "bool" });
}

function logic(since: number, emit: Pair): Operator {
  return binary(since, emit, { dtype: "bool" });
}

function unary(since: number, op: UnaryOp): Operator {
  return row(since, (call) => foldedUnary(call, (b, x) => b.unary(op, x)));
}

function foldedUnary(call: Call, emit: (b: Builder, x: Node) => Node): Value {
  return elementwise(call, [call.input(0)], {
    emit: (b, [x]) => emit(b, x as Node),
    fold: foldOf(call.operator),
  });
}

/** Any number of operands, folded from the left. */
function many(
  since: number,
  emit: Pair,
  finish: (b: Builder, sum: Node, count: number) => Node = (_, sum) => sum,
): Operator {
  return row(since, (call) => {
    const fold = binaryFolds[call.operator];
    const count = call.given.length;
    return elementwise(call, call.given, {
      emit: (b, nodes) =>
        finish(
          b,
          nodes.reduce((x, y) => emit(b, x, y)),
          count,
        ),
      fold:
        fold &&
        ((...cells) =>
          cells.reduce<Size | undefined>((x, y) => (x === undefined ? x : fold(x, y)), cells[0])),
    });
  });
}

/** x / y; integers truncate. */
const divide: Operator = row(7, (call) => {
  const whole = call.input(0).dtype === "int";
  return elementwise(call, [call.input(0), call.input(1)], {
    emit: (b, [x, y]) =>
      whole
        ? truncated(b, b.div(b.convert(x as Node, "float"), b.convert(y as Node, "float")))
        : b.div(x as Node, y as Node),
    fold: foldOf(whole ? "DivInt" : "Div"),
  });
});

function truncated(b: Builder, x: Node): Node {
  return b.convert(x, "int");
}

/** x − y·trunc(x/y) with fmod = 1, else the remainder with y's sign. */
const modulo: Operator = row(10, (call) => {
  const fmod = call.int("fmod", 0) === 1;
  return elementwise(call, [call.input(0), call.input(1)], {
    emit: (b, [x, y]) => (fmod ? remainder(b, x as Node, y as Node) : b.binary("mod", x as Node, y as Node)),
  });
});

function remainder(b: Builder, x: Node, y: Node): Node {
  const [p, q] = [b.convert(x, "float"), b.convert(y, "float")];
  const ratio = b.div(p, q);
  const whole = b.select(
    b.compare("lt", ratio, b.constant(0)),
    b.unary("ceil", ratio),
    b.unary("floor", ratio),
  );
  return b.convert(b.sub(p, b.mul(q, whole)), x.cell);
}

/** Integer exponents of floats and the like are brought to the base's cells. */
const power: Operator = row(7, (call) =>
  elementwise(call, [call.input(0), call.input(1)], {
    emit: (b, [x, y]) =>
      b.convert(
        b.binary("pow", b.convert(x as Node, "float"), b.convert(y as Node, "float")),
        (x as Node).cell,
      ),
    fold: foldOf("Pow"),
  }),
);

/** A cast to another dtype; float widths do not matter, the program has one. */
export function cast(call: Call, value: Value, dtype: Dtype): Value {
  return elementwise(call, [value], {
    emit: (b, [x]) => b.convert(x as Node, cellOf(dtype)),
    fold: (cell) => castCell(cell, dtype),
    dtype,
  });
}

function castCell(cell: Size, dtype: Dtype): Size {
  if (dtype === "bool") return isNumber(cell) && cell === 0 ? 0 : 1;
  return isNumber(cell) && dtype === "int" ? Math.trunc(cell) : cell;
}

/** condition ? x : y. */
const where: Operator = row(9, (call) =>
  elementwise(call, [call.input(0), call.input(1), call.input(2)], {
    emit: (b, [condition, x, y]) => b.select(condition as Node, x as Node, y as Node),
    fold: (condition, x, y) => (condition === 0 ? y : x),
    dtype: call.input(1).dtype,
  }),
);

const isInfinite: Operator = row(10, (call) => {
  const [positive, negative] = [call.int("detect_positive", 1), call.int("detect_negative", 1)];
  return elementwise(call, [call.input(0)], {
    emit: (b, [x]) => {
      const up = b.compare("eq", x as Node, b.constant(Number.POSITIVE_INFINITY));
      const down = b.compare("eq", x as Node, b.constant(Number.NEGATIVE_INFINITY));
      if (positive === 1 && negative === 1) return b.logic("or", up, down);
      return positive === 1 ? up : negative === 1 ? down : b.constant(0, (x as Node).shape, "bool");
    },
    dtype: "bool",
  });
});

const isNaN: Operator = row(9, (call) =>
  elementwise(call, [call.input(0)], {
    emit: (b, [x]) => b.compare("ne", x as Node, x as Node),
    dtype: "bool",
  }),
);

/** Inference only: the value itself, and a mask of ones. */
const dropout: Operator = row(7, (call) => {
  const training = call.inputs[2] === undefined ? 0 : call.numbers(2, "training mode")[0];
  if (training === 1) call.unsupported("dropout in training mode is random; export the model in eval mode.");
  const x = call.input(0);
  return call.outputs.length < 2
    ? x
    : [x, call.value(call.b.constant(1, full(call.b, x).shape, "bool"), x.layout, "bool")];
});

const exclusiveOr: Pair = (b, x, y) =>
  b.logic("or", b.logic("and", x, b.not(y)), b.logic("and", b.not(x), y));

/** Elementwise operators by name. */
export const arithmetic: OperatorTable = {
  Add: binary(7, pairOf("add")),
  Sub: binary(7, pairOf("sub")),
  Mul: binary(7, pairOf("mul")),
  Div: divide,
  Mod: modulo,
  Pow: power,
  Sum: many(6, pairOf("add")),
  Mean: many(6, pairOf("add"), (b, sum, count) => b.mul(b.constant(1 / count), sum)),
  Max: many(6, pairOf("max")),
  Min: many(6, pairOf("min")),
  Neg: unary(6, "neg"),
  Abs: unary(6, "abs"),
  Sign: unary(9, "sign"),
  Floor: unary(6, "floor"),
  Ceil: unary(6, "ceil"),
  Round: unary(11, "round"),
  Exp: unary(6, "exp"),
  Log: row(6, (call) => foldedUnary(call, logOf)),
  Sqrt: row(6, (call) => foldedUnary(call, rootOf)),
  Reciprocal: row(6, (call) => foldedUnary(call, (b, x) => b.div(b.constant(1), x))),
  Sin: unary(7, "sin"),
  Cos: unary(7, "cos"),
  Tan: unary(7, "tan"),
  Asin: unary(7, "asin"),
  Acos: unary(7, "acos"),
  Atan: unary(7, "atan"),
  Sinh: unary(9, "sinh"),
  Cosh: unary(9, "cosh"),
  Tanh: unary(6, "tanh"),
  Asinh: unary(9, "asinh"),
  Acosh: unary(9, "acosh"),
  Atanh: unary(9, "atanh"),
  Erf: unary(9, "erf"),
  Equal: compare(7, "eq"),
  Less: compare(7, "lt"),
  Greater: compare(7, "lt", true),
  LessOrEqual: compare(12, "le"),
  GreaterOrEqual: compare(12, "le", true),
  And: logic(7, (b, x, y) => b.logic("and", x, y)),
  Or: logic(7, (b, x, y) => b.logic("or", x, y)),
  Xor: logic(7, exclusiveOr),
  Not: row(1, (call) => foldedUnary(call, (b, x) => b.not(x))),
  Where: where,
  IsNaN: isNaN,
  IsInf: isInfinite,
  Identity: row(1, (call) => call.input(0)),
  Dropout: dropout,
  Cast: row(6, (call) => cast(call, call.input(0), dtypeOf(call.int("to", 1), call.label))),
  CastLike: row(15, (call) => cast(call, call.input(0), call.input(1).dtype)),
};

/** x · factor, for importers that scale. */
export function scaled(call: Call, value: Value, factor: number): Value {
  return factor === 1 ? value : mapped(call, value, (b, x) => b.mul(b.constant(factor), x));
}

/** x + y with broadcasting. */
export function added(call: Call, x: Value, y: Value | undefined): Value {
  return y === undefined
    ? x
    : elementwise(call, [x, y], { emit: (b, [p, q]) => b.add(p as Node, q as Node) });
}

/** x · y with broadcasting. */
export function multiplied(call: Call, x: Value, y: Value | undefined): Value {
  return y === undefined
    ? x
    : elementwise(call, [x, y], { emit: (b, [p, q]) => b.mul(p as Node, q as Node) });
}
