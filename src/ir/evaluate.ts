/**
 * What every op computes, in float64: one table keyed by op.
 *
 * In: a node and its operands' values. Out: its value. The oracle of all targets, and what folding and binding use.
 * Inputs, row sums and Jacobians have no value of their own: who runs a program gives or expands them.
 */

import { InternalError, invariant } from "../errors.ts";
import { evaluateContract } from "./evaluate-contract.ts";
import {
  evaluateBinary,
  evaluateCompare,
  evaluateConvert,
  evaluateLogic,
  evaluateNot,
  evaluateReduce,
  evaluateSelect,
  evaluateUnary,
} from "./evaluate-elementwise.ts";
import {
  evaluateBroadcast,
  evaluateConcat,
  evaluateGather,
  evaluateIota,
  evaluatePad,
  evaluateReshape,
  evaluateScatterAdd,
  evaluateSlice,
  evaluateTranspose,
  evaluateUnwindow,
  evaluateWindow,
} from "./evaluate-movement.ts";
import { nodesOf, operandsOf } from "./graph.ts";
import { binaryOps, compareOps, logicOps, reduceOps, sameRule, unaryOps } from "./ops.ts";
import { at, sizeOf } from "./shape.ts";
import { type Tensor, tensorOf } from "./tensor.ts";
import type { Node, NodeOf, Op, Program, ScanNode } from "./types.ts";

type Operands = readonly Tensor[];
type Evaluate<N> = (node: N, operands: Operands) => Tensor;

const evaluations: { readonly [K in Op]: Evaluate<NodeOf<K>> } = {
  input: (node) => refuse(node, "has no value of its own"),
  constant: (node) => tensorOf(node.values, node.shape),
  iota: evaluateIota,
  ...sameRule(unaryOps, evaluateUnary),
  ...sameRule(binaryOps, evaluateBinary),
  ...sameRule(compareOps, evaluateCompare),
  ...sameRule(logicOps, evaluateLogic),
  ...sameRule(reduceOps, evaluateReduce),
  not: evaluateNot,
  convert: evaluateConvert,
  select: evaluateSelect,
  reshape: evaluateReshape,
  transpose: evaluateTranspose,
  broadcast: evaluateBroadcast,
  slice: evaluateSlice,
  pad: evaluatePad,
  concat: evaluateConcat,
  gather: evaluateGather,
  scatterAdd: evaluateScatterAdd,
  contract: evaluateContract,
  window: evaluateWindow,
  unwindow: evaluateUnwindow,
  scan: evaluateScan,
  project: (node, operands) => at(at(operands, 0).parts ?? [], node.index),
  rowSum: (node) => refuse(node, "is a sum over rows, which only the interpreter sees"),
  call: (node, operands) => at(evaluateProgram(node.callee.body, operands), 0),
  jacobian: (node) => refuse(node, "must be expanded before it is evaluated"),
  stopGradient: (_, operands) => at(operands, 0),
};

function refuse(node: Node, why: string): never {
  throw new InternalError("JR910", `${node.op} %${node.id} ${why}`);
}

/** The node's value, from its operands' values in `operandsOf` order. */
export function evaluateNode(node: Node, operands: readonly Tensor[]): Tensor {
  const evaluate: Evaluate<never> = evaluations[node.op];
  return evaluate(node as never, operands);
}

/** Puts the value of each of `nodes` (operands first) into `values`, unless it is there. */
export function evaluateInto(values: Map<Node, Tensor>, nodes: Iterable<Node>): void {
  for (const node of nodes) {
    if (values.has(node)) continue;
    values.set(
      node,
      evaluateNode(
        node,
        operandsOf(node).map((operand) => valueOf(values, operand)),
      ),
    );
  }
}

/** The value that `values` must hold. */
export function valueOf(values: ReadonlyMap<Node, Tensor>, node: Node): Tensor {
  const value = values.get(node);
  invariant(value !== undefined, `${node.op} %${node.id} is read before it is computed`);
  return value;
}

/** A program made ready for many evaluations: constants computed, the rest in order. */
interface Prepared {
  readonly constants: ReadonlyMap<Node, Tensor>;
  readonly nodes: readonly Node[];
}

const prepared = new WeakMap<Program, Prepared>();

function prepare(program: Program): Prepared {
  const known = prepared.get(program);
  if (known !== undefined) return known;
  const nodes = nodesOf(program);
  const constants = new Map<Node, Tensor>();
  evaluateInto(
    constants,
    nodes.filter((node) => node.level === "constant" || node.op === "constant"),
  );
  const made = { constants, nodes: nodes.filter((node) => !constants.has(node)) };
  prepared.set(program, made);
  return made;
}

/** The outputs of a program without row sums, from its inputs' values. */
export function evaluateProgram(program: Program, inputs: readonly Tensor[]): Tensor[] {
  const { constants, nodes } = prepare(program);
  const values = new Map(constants);
  program.inputs.forEach((input, index) => values.set(input, at(inputs, index)));
  evaluateInto(values, nodes);
  return program.outputs.map((output) => valueOf(values, output.value));
}

/** Runs the body step by step; the parts are the final carries, then the stacked outputs. */
function evaluateScan(node: ScanNode, operands: Operands): Tensor {
  const { body, steps } = node;
  const capturedStart = node.carries.length + node.perStep.length;
  let carries = operands.slice(0, node.carries.length);
  const perStep = operands.slice(node.carries.length, capturedStart);
  const captured = operands.slice(capturedStart);
  const stacks = body.outputs.slice(carries.length).map(({ value }) => {
    const shape = [steps, ...value.shape];
    return { data: new Float64Array(sizeOf(shape)), shape };
  });
  for (let step = 0; step < steps; step++) {
    const results = evaluateProgram(body, [
      ...carries,
      ...perStep.map((stack) => entry(stack, step)),
      ...captured,
    ]);
    carries = results.slice(0, carries.length);
    stacks.forEach((stack, index) => {
      const result = at(results, carries.length + index).data;
      stack.data.set(result, step * result.length);
    });
  }
  return { data: new Float64Array(0), shape: [], parts: [...carries, ...stacks] };
}

/** Entry `index` of a stack along axis 0. */
function entry({ data, shape }: Tensor, index: number): Tensor {
  const rest = shape.slice(1);
  const size = sizeOf(rest);
  return { data: data.subarray(index * size, (index + 1) * size), shape: rest };
}
