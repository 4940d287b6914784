/**
 * The table of ONNX out: how each op of a row program is written, keyed by op.
 *
 * In: a node whose operands can be written. Out: the tensor with its value. Ops that the program was freed of before
 * (Jacobians, scans, gradient stops) are bugs here.
 */

import { InternalError } from "../../errors.ts";
import { binaryOps, compareOps, logicOps, reduceOps, sameRule, unaryOps } from "../../ir/ops.ts";
import type { Node, NodeOf, Op, ReduceNode } from "../../ir/types.ts";
import { emitCall } from "./calls.ts";
import { emitConvolution, emitOverlap } from "./convolution.ts";
import { emitBinary, emitCompare, emitLogic, emitSelect, emitUnary } from "./elementwise.ts";
import type { Emit, Emitted, Emitter } from "./emitter.ts";
import { emitGather, emitScatterAdd } from "./indexing.ts";
import { emitMasked } from "./masks.ts";
import { emitConcat, emitPad, emitSlice, emitUnwindow, emitWindow } from "./movement.ts";
import { emitContract } from "./products.ts";

type Rule<N> = (e: Emitter, node: N) => Emitted;

const rules: { readonly [K in Op]: Rule<NodeOf<K>> } = {
  input: (_, node) => refuse(node, "was not declared"),
  constant: (_, node) => refuse(node, "is stored, not written"),
  iota: (_, node) => refuse(node, "is stored, not written"),
  ...sameRule(unaryOps, emitUnary),
  ...sameRule(binaryOps, emitBinary),
  ...sameRule(compareOps, emitCompare),
  ...sameRule(logicOps, emitLogic),
  ...sameRule(reduceOps, emitReduce),
  not: (e, { a }) => e.map("Not", [e.of(a)]),
  convert: (e, { a, cell }) => e.cast(cell === "int" ? wholeable(e, e.of(a)) : e.of(a), cell),
  select: (e, node) => emitMasked(e, node) ?? emitSelect(e, node),
  reshape: (e, { a, shape }) => e.reshape(e.of(a), shape),
  transpose: (e, { a, order }) => e.transpose(e.of(a), order),
  broadcast: (e, { a, shape }) => e.expand(e.of(a), shape),
  slice: emitSlice,
  pad: emitPad,
  concat: emitConcat,
  gather: emitGather,
  scatterAdd: emitScatterAdd,
  contract: (e, node) => emitConvolution(e, node) ?? emitOverlap(e, node) ?? emitContract(e, node),
  window: emitWindow,
  unwindow: (e, node) => emitOverlap(e, node) ?? emitUnwindow(e, node),
  scan: (_, node) => refuse(node, "was not unrolled"),
  project: (_, node) => refuse(node, "was not unrolled"),
  rowSum: emitRowSum,
  call: (e, node) => emitCall(e, node) ?? refuse(node, `${node.callee.name} was not replaced by its body`),
  jacobian: (_, node) => refuse(node, "was not expanded"),
  stopGradient: (e, { a }) => e.of(a),
};

/** NaN as 0: what a Cast makes of it is not defined, and no runtime takes it as an index. */
function wholeable(e: Emitter, x: Emitted): Emitted {
  if (x.cell !== "float") return x;
  return e.map("Where", [e.map("Equal", [x, x], "bool"), x, e.number(0)], "float");
}

function refuse(node: Node, why: string): never {
  throw new InternalError("JR905", `${node.op} %${node.id} ${why}`);
}

/** Writes one node. */
export const emitNode: Emit = (e, node) => {
  const rule = rules[node.op] as Rule<Node>;
  return rule(e, node);
};

const REDUCTIONS = {
  reduceSum: "ReduceSum",
  reduceProd: "ReduceProd",
  reduceMax: "ReduceMax",
  reduceMin: "ReduceMin",
  any: "ReduceMax",
  all: "ReduceMin",
} as const;

/** Axes became an input of the sum with opset 13, of the others with 18. Bools are reduced as numbers. */
function emitReduce(e: Emitter, node: ReduceNode): Emitted {
  const isLogic = node.op === "any" || node.op === "all";
  const x = isLogic ? e.cast(e.of(node.a), "float") : e.of(node.a);
  const axes = node.axes.map((axis) => e.axis(x, axis));
  const operator = REDUCTIONS[node.op];
  const given = node.op === "reduceSum" || e.writer.opset >= 18;
  const attributes = { keepdims: 0, ...(given ? {} : { axes }) };
  const inputs = given ? [x, e.writer.ints(axes)] : [x];
  return e.cast(e.make(operator, inputs, { ...x, shape: node.shape, attributes }), node.cell);
}

/** The sum over the batch axis. */
function emitRowSum(e: Emitter, node: NodeOf<"rowSum">): Emitted {
  const x = e.rowsOf(node.a);
  return e.make("ReduceSum", [x, e.writer.ints([0])], { ...x, rows: false, attributes: { keepdims: 0 } });
}
