/**
 * Making a node again over other operands: one table keyed by op.
 *
 * In: a builder, a node of any builder, operands of this builder in `operandsOf` order. Out: the node made by the
 * builder's own methods, so checks, identities and sharing apply, under the node's origin.
 */

import type { Builder } from "./builder.ts";
import { binaryOps, compareOps, logicOps, reduceOps, sameRule, unaryOps } from "./ops.ts";
import { at } from "./shape.ts";
import type { BinaryNode, CompareNode, LogicNode, Node, NodeOf, Op, ReduceNode, UnaryNode } from "./types.ts";

type Operands = readonly Node[];
type Remake<N> = (builder: Builder, node: N, operands: Operands) => Node;

const first = (operands: Operands): Node => at(operands, 0);
const second = (operands: Operands): Node => at(operands, 1);

const remakes: { readonly [K in Op]: Remake<NodeOf<K>> } = {
  input: (b, { name, shape, cell, level }) =>
    b.input(name, shape, { cell, level: level === "bound" ? "bound" : "row" }),
  constant: (b, { values, shape, cell }) => b.constant(values, shape, cell),
  iota: (b, { shape, axis }) => b.iota(shape, axis),
  ...sameRule(unaryOps, (b: Builder, { op }: UnaryNode, from: Operands) => b.unary(op, first(from))),
  ...sameRule(binaryOps, (b: Builder, { op }: BinaryNode, from: Operands) =>
    b.binary(op, first(from), second(from)),
  ),
  ...sameRule(compareOps, (b: Builder, { op }: CompareNode, from: Operands) =>
    b.compare(op, first(from), second(from)),
  ),
  ...sameRule(logicOps, (b: Builder, { op }: LogicNode, from: Operands) =>
    b.logic(op, first(from), second(from)),
  ),
  ...sameRule(reduceOps, (b: Builder, { op, axes }: ReduceNode, from: Operands) =>
    b.reduce(op, first(from), axes),
  ),
  not: (b, _, from) => b.not(first(from)),
  convert: (b, { cell }, from) => b.convert(first(from), cell),
  select: (b, _, from) => b.select(first(from), second(from), at(from, 2)),
  reshape: (b, { shape }, from) => b.reshape(first(from), shape),
  transpose: (b, { order }, from) => b.transpose(first(from), order),
  broadcast: (b, { shape }, from) => b.broadcast(first(from), shape),
  slice: (b, node, from) => b.slice(first(from), node),
  pad: (b, node, from) => b.pad(first(from), node),
  concat: (b, { axis }, from) => b.concat(from, axis),
  gather: (b, { axis }, from) => b.gather(first(from), second(from), axis),
  scatterAdd: (b, { axis, shape }, from) =>
    b.scatterAdd(first(from), second(from), { axis, size: at(shape, axis) }),
  contract: (b, node, from) =>
    b.contract(first(from), second(from), { a: node.aLabels, b: node.bLabels, out: node.outLabels }),
  window: (b, node, from) => b.window(first(from), node),
  unwindow: (b, { axis, stride, dilation, shape }, from) =>
    b.unwindow(first(from), { axis, stride, dilation, length: at(shape, axis) }),
  scan: (b, node, from) => {
    const perStepStart = node.carries.length;
    const capturedStart = perStepStart + node.perStep.length;
    return b.scanNode(node.body, node.steps, {
      carries: from.slice(0, perStepStart),
      perStep: from.slice(perStepStart, capturedStart),
      captured: from.slice(capturedStart),
    });
  },
  project: (b, node, from) => b.project(first(from), node.index, node),
  rowSum: (b, _, from) => b.rowSum(first(from)),
  call: (b, { callee }, from) => b.call(callee, from),
  jacobian: (b, node, from) => b.jacobian(node.program, from, node),
  stopGradient: (b, _, from) => b.stopGradient(first(from)),
};

/** The same node over other operands (in `operandsOf` order), made by `builder`, so identities apply. */
export function rebuild(builder: Builder, node: Node, operands: readonly Node[]): Node {
  const before = builder.origin;
  builder.origin = node.origin ?? before;
  try {
    const remake: Remake<never> = remakes[node.op];
    return remake(builder, node as never, operands);
  } finally {
    builder.origin = before;
  }
}

/** Is this the name of an op? */
export function isOp(name: string): name is Op {
  return Object.hasOwn(remakes, name);
}
