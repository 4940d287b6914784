/** Evaluation of elementwise ops and reductions: operands of equal shapes in, a new tensor out. */

import { binaryOps, compareOps, logicOps, reduceOps, unaryOps, wholeOf } from "./ops.ts";
import { at, range, sizeOf } from "./shape.ts";
import { readView, type Tensor, wholeView } from "./tensor.ts";
import type {
  BinaryNode,
  CompareNode,
  ConvertNode,
  LogicNode,
  Node,
  NotNode,
  ReduceNode,
  SelectNode,
  UnaryNode,
} from "./types.ts";

function map1(node: Node, a: Tensor, f: (x: number) => number): Tensor {
  return { data: a.data.map(f), shape: node.shape };
}

function map2(node: Node, [a, b]: readonly Tensor[], f: (x: number, y: number) => number): Tensor {
  const [x, y] = [(a as Tensor).data, (b as Tensor).data];
  const data = new Float64Array(x.length);
  for (let i = 0; i < data.length; i++) data[i] = f(x[i] as number, y[i] as number);
  return { data, shape: node.shape };
}

/** unaryOps, cell by cell. */
export function evaluateUnary(node: UnaryNode, operands: readonly Tensor[]): Tensor {
  return map1(node, at(operands, 0), unaryOps[node.op]);
}

/** binaryOps, cell by cell. */
export function evaluateBinary(node: BinaryNode, operands: readonly Tensor[]): Tensor {
  return map2(node, operands, binaryOps[node.op]);
}

/** compareOps as 0 and 1. */
export function evaluateCompare(node: CompareNode, operands: readonly Tensor[]): Tensor {
  const compare = compareOps[node.op];
  return map2(node, operands, (a, b) => (compare(a, b) ? 1 : 0));
}

/** logicOps on 0 and 1. */
export function evaluateLogic(node: LogicNode, operands: readonly Tensor[]): Tensor {
  return map2(node, operands, logicOps[node.op]);
}

/** 1 − a. */
export function evaluateNot(node: NotNode, operands: readonly Tensor[]): Tensor {
  return map1(node, at(operands, 0), (x) => 1 - x);
}

/** Only float → int changes a number. */
export function evaluateConvert(node: ConvertNode, operands: readonly Tensor[]): Tensor {
  return node.cell === "int" ? map1(node, at(operands, 0), wholeOf) : at(operands, 0);
}

/** condition ? a : b. */
export function evaluateSelect(node: SelectNode, operands: readonly Tensor[]): Tensor {
  const [condition, a, b] = operands.map((operand) => operand.data) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return { data: condition.map((c, i) => (c === 0 ? b[i] : a[i]) as number), shape: node.shape };
}

/** The reduced axes are brought last, then folded in row-major order. */
export function evaluateReduce(node: ReduceNode, operands: readonly Tensor[]): Tensor {
  const a = at(operands, 0);
  const { strides } = wholeView(a.shape);
  const kept = range(a.shape.length).filter((axis) => !node.axes.includes(axis));
  const order = [...kept, ...node.axes];
  const view = {
    shape: order.map((axis) => at(a.shape, axis)),
    strides: order.map((axis) => at(strides, axis)),
    offset: 0,
  };
  const ordered = order.every((axis, index) => axis === index) ? a.data : readView(a.data, view);
  const { start, step } = reduceOps[node.op];
  const count = sizeOf(node.axes.map((axis) => at(a.shape, axis)));
  const data = new Float64Array(sizeOf(node.shape)).fill(start);
  for (let i = 0, from = 0; i < data.length; i++) {
    let value = start;
    for (let k = 0; k < count; k++) value = step(value, ordered[from++] as number);
    data[i] = value;
  }
  return { data, shape: node.shape };
}
