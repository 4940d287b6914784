/**
 * What is known after all rows: from sums over rows to the outputs of level "finish".
 *
 * In: the program, its shared inputs and the joined sums. Out: one float64 array per such output, without a row axis.
 */

import { invariant } from "../errors.ts";
import { evaluateInto, valueOf } from "../ir/evaluate.ts";
import { operandsOf } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import { type Tensor, tensorOf } from "../ir/tensor.ts";
import type { InputNode, Node, Program, RowSumNode } from "../ir/types.ts";
import type { Numbers } from "./interpreter.ts";

/** Length of an output for n rows: those known after all rows have no row axis. */
export function outputLength({ value }: Program["outputs"][number], n: number): number {
  return (value.level === "finish" ? 1 : n) * sizeOf(value.shape);
}

/** The items (one per output) that belong to outputs with a row axis, or to those without. */
export function outputsOf<T>(program: Program, kind: "row" | "finish", items: readonly T[]): T[] {
  return items.filter(
    (_, index) => (program.outputs[index]?.value.level === "finish") === (kind === "finish"),
  );
}

/** Evaluates what follows the sums. */
export function finished(
  program: Program,
  shared: ReadonlyMap<InputNode, Numbers>,
  sums: ReadonlyMap<RowSumNode, Float64Array>,
): Float64Array[] {
  const roots = program.outputs.map(({ value }) => value).filter(({ level }) => level === "finish");
  const values = new Map<Node, Tensor>();
  for (const [node, data] of sums) values.set(node, { data, shape: node.shape });
  for (const [input, numbers] of shared) values.set(input, tensorOf(numbers, input.shape));
  evaluateInto(values, after(roots));
  return roots.map((root) => valueOf(values, root).data);
}

/** Nodes that only need sums and shared values, operands before users. */
function after(roots: readonly Node[]): Node[] {
  const found = new Set<Node>();
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    invariant(node.level !== "row", "a value known after all rows reads a row");
    found.add(node);
    if (node.op !== "rowSum") stack.push(...operandsOf(node));
  }
  return [...found].filter((node) => node.op !== "rowSum").sort((a, b) => a.id - b.id);
}
