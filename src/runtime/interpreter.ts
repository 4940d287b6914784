/**
 * The float64 interpreter: the oracle of every target, and the bind phase's evaluator.
 *
 * In: a program and its inputs' numbers in program order (row inputs n × size, shared ones size). Out: its outputs'
 * numbers (those known per row n × size, all others size). Values that are shared are computed once, rows one by one.
 */

import { InternalError, UsageError } from "../errors.ts";
import { evaluateInto, valueOf } from "../ir/evaluate.ts";
import { nodesOf, operandsOf } from "../ir/graph.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensorOf } from "../ir/tensor.ts";
import type { InputNode, Node, Program, RowSumNode } from "../ir/types.ts";
import { joinPartialSums, rowRanges } from "./row-sums.ts";

/** Any numbers by index: typed arrays, arrays. */
export type Numbers = ArrayLike<number>;

/** Runs the program over n rows. */
export function interpret(program: Program, inputs: readonly Numbers[], n: number): Float64Array[] {
  checkInputs(program, inputs, n);
  const shared = new Map<Node, Tensor>();
  program.inputs.forEach((input, index) => {
    if (input.level !== "row") shared.set(input, tensorOf(at(inputs, index), input.shape));
  });
  const nodes = nodesOf(program);
  const ofLevel = (...levels: readonly string[]): Node[] =>
    nodes.filter((node) => levels.includes(node.level));
  evaluateInto(shared, ofLevel("constant", "bound"));
  const outputs = program.outputs.map(
    ({ value }) => new Float64Array((value.level === "row" ? n : 1) * sizeOf(value.shape)),
  );
  const sums = new RowSums(nodes, n);
  const rowNodes = ofLevel("row");
  for (let row = 0; row < n; row++) {
    const values = new Map(shared);
    program.inputs.forEach((input, index) => {
      if (input.level === "row") values.set(input, rowOf(at(inputs, index), input, row));
    });
    evaluateInto(values, rowNodes);
    sums.add(values, row);
    writeOutputs(program, values, { outputs, row });
  }
  sums.finishInto(shared);
  evaluateInto(shared, ofLevel("finish"));
  program.outputs.forEach(({ value }, index) => {
    if (value.level !== "row") at(outputs, index).set(valueOf(shared, value).data);
  });
  return outputs;
}

/** Values of nodes that depend on shared inputs and constants only, one array each. */
export function evaluateBound(
  nodes: readonly Node[],
  sharedInputs: ReadonlyMap<InputNode, Numbers>,
): Float64Array[] {
  const values = new Map<Node, Tensor>();
  for (const [input, numbers] of sharedInputs) values.set(input, tensorOf(numbers, input.shape));
  // Not in topologicalOrder: regions of programs with loops have builders of their own, whose ids meet.
  const stack = [...nodes];
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    const open = values.has(node) ? [] : operandsOf(node).filter((operand) => !values.has(operand));
    stack.push(...open);
    if (open.length > 0) continue;
    evaluateInto(values, [node]);
    stack.pop();
  }
  return nodes.map((node) => valueOf(values, node).data);
}

/** The partial sums of every `rowSum` of a program. */
class RowSums {
  readonly #ranges: ReturnType<typeof rowRanges>;
  readonly #sums: readonly { readonly node: RowSumNode; readonly partials: readonly Float64Array[] }[];

  constructor(nodes: readonly Node[], n: number) {
    this.#ranges = rowRanges(n);
    this.#sums = nodes
      .filter((node) => node.op === "rowSum")
      .map((node) => ({ node, partials: this.#ranges.map(() => new Float64Array(sizeOf(node.shape))) }));
  }

  add(values: ReadonlyMap<Node, Tensor>, row: number): void {
    const range = this.#ranges.findIndex(({ end }) => row < end);
    for (const { node, partials } of this.#sums) {
      const [partial, { data }] = [at(partials, range), valueOf(values, node.a)];
      for (let cell = 0; cell < partial.length; cell++)
        partial[cell] = (partial[cell] as number) + (data[cell] as number);
    }
  }

  finishInto(values: Map<Node, Tensor>): void {
    for (const { node, partials } of this.#sums) {
      values.set(node, { data: joinPartialSums(partials, sizeOf(node.shape)), shape: node.shape });
    }
  }
}

function rowOf(numbers: Numbers, { shape }: InputNode, row: number): Tensor {
  const size = sizeOf(shape);
  return {
    data: Float64Array.from({ length: size }, (_, cell) => numbers[row * size + cell] as number),
    shape,
  };
}

function writeOutputs(
  program: Program,
  values: ReadonlyMap<Node, Tensor>,
  { outputs, row }: { outputs: readonly Float64Array[]; row: number },
): void {
  program.outputs.forEach(({ value }, index) => {
    if (value.level === "row") at(outputs, index).set(valueOf(values, value).data, row * sizeOf(value.shape));
  });
}

function checkInputs(program: Program, inputs: readonly Numbers[], n: number): void {
  if (inputs.length !== program.inputs.length) {
    throw new InternalError(
      "JR911",
      `${program.name} takes ${program.inputs.length} inputs, got ${inputs.length}`,
    );
  }
  program.inputs.forEach(({ name, shape, level }, index) => {
    const expected = sizeOf(shape) * (level === "row" ? n : 1);
    const got = at(inputs, index).length;
    if (got === expected) return;
    const rows = level === "row" ? `${n} rows of ` : "";
    throw new UsageError(
      "JR203",
      `${name} takes ${rows}shape ${showShape(shape)}, ${expected} numbers, got ${got}`,
    );
  });
}
