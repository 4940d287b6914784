/**
 * Elementwise nodes as ONNX operators: repeated operands are left to ONNX's own broadcasting.
 *
 * Functions that ONNX lacks are written from those it has, in forms that keep every digit: expm1 by tanh, log1p by
 * Kahan's quotient, atan2 by atan and the quadrant, the remainder by fmod. Chosen by Where, so nothing leaks.
 */

import { uniformValue } from "../../ir/identities.ts";
import { broadcastShapes, sameShape } from "../../ir/shape.ts";
import type {
  BinaryNode,
  BinaryOp,
  CompareNode,
  LogicNode,
  Node,
  SelectNode,
  Shape,
  UnaryNode,
  UnaryOp,
} from "../../ir/types.ts";
import type { Emitted, Emitter } from "./emitter.ts";

type Formula = (e: Emitter, ...args: readonly Emitted[]) => Emitted;

const named =
  (operator: string): Formula =>
  (e, ...args) =>
    e.map(operator, args);

const unaries: Readonly<Record<UnaryOp, Formula>> = {
  neg: named("Neg"),
  abs: named("Abs"),
  sign: named("Sign"),
  floor: named("Floor"),
  ceil: named("Ceil"),
  round: named("Round"),
  sqrt: named("Sqrt"),
  exp: named("Exp"),
  expm1: (e, x) => expm1(e, x),
  log: named("Log"),
  log1p: (e, x) => log1p(e, x),
  sin: named("Sin"),
  cos: named("Cos"),
  tan: named("Tan"),
  asin: named("Asin"),
  acos: named("Acos"),
  atan: named("Atan"),
  sinh: named("Sinh"),
  cosh: named("Cosh"),
  tanh: named("Tanh"),
  asinh: named("Asinh"),
  acosh: named("Acosh"),
  atanh: named("Atanh"),
  erf: named("Erf"),
};

const binaries: Readonly<Record<BinaryOp, Formula>> = {
  add: named("Add"),
  sub: named("Sub"),
  mul: named("Mul"),
  div: named("Div"),
  pow: named("Pow"),
  mod: (e, a, b) => floorMod(e, a, b),
  min: named("Min"),
  max: named("Max"),
  atan2: (e, y, x) => atan2(e, y, x),
};

/** 2 t / (1 − t) with t = tanh(x / 2) near 0, eˣ − 1 elsewhere. */
function expm1(e: Emitter, x: Emitted): Emitted {
  const t = e.map("Tanh", [e.map("Mul", [x, e.number(0.5)])]);
  const small = e.map("Div", [e.map("Add", [t, t]), e.map("Sub", [e.number(1), t])]);
  const large = e.map("Sub", [e.map("Exp", [x]), e.number(1)]);
  return e.map("Where", [less(e, e.map("Abs", [x]), e.number(0.5)), small, large], "float");
}

/** log(u) x / (u − 1) with u = 1 + x as rounded (Kahan), x itself where u = 1. */
function log1p(e: Emitter, x: Emitted): Emitted {
  const u = e.map("Add", [e.number(1), x]);
  const gap = e.map("Sub", [u, e.number(1)]);
  const log = e.map("Log", [u]);
  const corrected = e.map("Div", [e.map("Mul", [log, x]), gap]);
  const small = e.map("Where", [e.map("Equal", [gap, e.number(0)], "bool"), x, corrected], "float");
  return e.map("Where", [less(e, x, e.number(1)), small, log], "float");
}

/** log(1 + eˣ): the operator, which ONNX Runtime has for float32 alone, or max(x, 0) + log1p(e^−|x|). */
export function softplus(e: Emitter, x: Emitted): Emitted {
  if (e.writer.width === "f32") return e.map("Softplus", [x]);
  const tail = e.map("Exp", [e.map("Neg", [e.map("Abs", [x])])]);
  return e.map("Add", [e.map("Max", [x, e.number(0)]), log1p(e, tail)]);
}

/** The angle of (x, y): atan(y / x), turned by π where x < 0. */
function atan2(e: Emitter, y: Emitted, x: Emitted): Emitted {
  const zero = e.number(0);
  const angle = e.map("Atan", [e.map("Div", [y, x])]);
  // 1 / y tells −0 from 0.
  const below = e.map("Or", [less(e, y, zero), less(e, e.map("Reciprocal", [y]), zero)]);
  const turn = e.map("Where", [below, e.number(-Math.PI), e.number(Math.PI)], "float");
  const left = e.map("Where", [less(e, x, zero), e.map("Add", [angle, turn]), angle], "float");
  const upright = e.map("Mul", [e.map("Sign", [y]), e.number(Math.PI / 2)]);
  return e.map("Where", [e.map("Equal", [x, zero], "bool"), upright, left], "float");
}

/** fmod, moved by the divisor where the signs differ. */
function floorMod(e: Emitter, a: Emitted, b: Emitted): Emitted {
  if (a.cell === "int") return e.map("Mod", [a, b]);
  const rank = Math.max(a.shape.length, b.shape.length);
  const [x, y] = [e.padded(a, rank), e.padded(b, rank)];
  const shape = broadcastShapes(x.shape, y.shape) ?? x.shape;
  const rest = e.make("Mod", [x, y], {
    shape,
    rows: x.rows || y.rows,
    cell: "float",
    attributes: { fmod: 1 },
  });
  const zero = e.number(0);
  const differ = e.map("Xor", [less(e, rest, zero), less(e, b, zero)]);
  const moves = e.map("And", [e.map("Not", [e.map("Equal", [rest, zero], "bool")]), differ]);
  return e.map("Where", [moves, e.map("Add", [rest, b]), rest], "float");
}

function less(e: Emitter, a: Emitted, b: Emitted): Emitted {
  return e.map("Less", [a, b], "bool");
}

/** A unary function; log(1 + eᶻ) is Softplus. */
export function emitUnary(e: Emitter, node: UnaryNode): Emitted {
  if (node.op === "log1p" && node.a.op === "exp")
    return softplus(e, operands(e, [node.a.a], node.shape)[0] as Emitted);
  return unaries[node.op](e, ...operands(e, [node.a], node.shape));
}

/** A binary function; 1 / x is Reciprocal. */
export function emitBinary(e: Emitter, node: BinaryNode): Emitted {
  const [a, b] = [core(node.a), core(node.b)];
  if (node.op === "div" && uniformValue(a) === 1)
    return e.map("Reciprocal", operands(e, [node.b], node.shape));
  return binaries[node.op](e, ...operands(e, [a, b], node.shape));
}

/** A comparison of floats or ints; bools are compared by Equal alone. */
export function emitCompare(e: Emitter, node: CompareNode): Emitted {
  const operator = { lt: "Less", le: "LessOrEqual", eq: "Equal", ne: "Equal" }[node.op];
  const result = e.map(operator, operands(e, [node.a, node.b], node.shape), "bool");
  return node.op === "ne" ? e.map("Not", [result]) : result;
}

/** And, or. */
export function emitLogic(e: Emitter, node: LogicNode): Emitted {
  return e.map(node.op === "and" ? "And" : "Or", operands(e, [node.a, node.b], node.shape));
}

/** A choice, which passes nothing of the branch not taken. */
export function emitSelect(e: Emitter, node: SelectNode): Emitted {
  const [condition, a, b] = operands(e, [node.condition, node.a, node.b], node.shape) as [
    Emitted,
    Emitted,
    Emitted,
  ];
  if (node.cell !== "bool") return e.map("Where", [condition, a, b], node.cell);
  const other = e.map("And", [e.map("Not", [condition]), b]);
  return e.map("Or", [e.map("And", [condition, a]), other]);
}

/** What a broadcast repeats. */
function core(node: Node): Node {
  return node.op === "broadcast" ? node.a : node;
}

/** Operands whose repetition ONNX does itself; one is expanded where together they would be too small. */
function operands(e: Emitter, nodes: readonly Node[], shape: Shape): Emitted[] {
  const emitted = nodes.map((node) => loose(e, node));
  const joint = emitted.reduce<Shape>((all, one) => broadcastShapes(all, one.shape) ?? shape, []);
  if (sameShape(joint, shape)) return emitted;
  return emitted.map((one, index) => (index === emitted.length - 1 ? e.expand(one, shape) : one));
}

function loose(e: Emitter, node: Node): Emitted {
  const uniform = uniformValue(core(node));
  if (uniform !== undefined) return e.number(uniform, node.cell);
  return e.of(core(node));
}
