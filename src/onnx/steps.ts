/**
 * Many equal steps as one loop of the program: the step is imported once, for values that stand for any step's.
 *
 * In: the state before the first step, stacks with the steps in front, and what a step does. Out: the last state and the steps' outputs,
 * stacked; nothing where steps differ in more than their numbers.
 */

import { Cut } from "../ir/cut.ts";
import { operandsOf, programOf, topologicalOrder } from "../ir/graph.ts";
import { at, range } from "../ir/shape.ts";
import type { InputNode, Node } from "../ir/types.ts";
import { type Call, cellOf } from "./call.ts";
import { type Layout, layout, rowShape, squeezed } from "./layout.ts";
import { Value } from "./value.ts";

/** Loops of at most this many steps are imported step by step: what is known in each folds. */
export const MOST_UNROLLED = 16;

/** What runs. */
export interface Loop {
  readonly steps: number;
  readonly state: readonly Value[];
  /** One entry per step along the first axis, which is not the batch. */
  readonly stacks: readonly Value[];
}

/** What a step gives, or, stacked, all steps. */
export interface StepResult {
  readonly state: readonly Value[];
  readonly outputs: readonly Value[];
}

let placeholders = 0;

/** The loop's results; undefined where it must be imported step by step. */
export function looped(
  call: Call,
  { steps, state, stacks }: Loop,
  step: (state: readonly Value[], entries: readonly Value[]) => StepResult,
): StepResult | undefined {
  const path = call.path();
  if (steps <= MOST_UNROLLED || path === undefined) return undefined;
  const standIn = (like: Value, own: Layout): Value => {
    const cell = cellOf(like.dtype);
    const node = call.b.input(`${call.label} step ${placeholders++}`, rowShape(own), { cell });
    return new Value({ dtype: like.dtype, layout: own, node: () => node, path });
  };
  const carried = state.map((value) => standIn(value, value.layout));
  const entries = stacks.map((value) => standIn(value, squeezed(value.layout, [0])));
  const results = step(carried, entries);
  if (!results.state.every((value, index) => isAlike(value, at(state, index)))) return undefined;
  const nodes = scanNodes(call, { steps, state, stacks }, { carried, entries, results });
  return {
    state: state.map((value, index) => call.value(at(nodes, index), value.layout, value.dtype)),
    outputs: results.outputs.map((value, index) =>
      call.value(at(nodes, state.length + index), stackLayout(value.layout, steps), value.dtype),
    ),
  };
}

function scanNodes(
  { b }: Call,
  { steps, state, stacks }: Loop,
  made: { carried: readonly Value[]; entries: readonly Value[]; results: StepResult },
): Node[] {
  const results = [...made.results.state, ...made.results.outputs].map(({ node }) => node);
  const inside = new Set<Node>([...made.carried, ...made.entries].map(({ node }) => node));
  const given = [...inside];
  for (const node of topologicalOrder(results))
    if (operandsOf(node).some((operand) => inside.has(operand))) inside.add(node);
  const isKnown = ({ op }: Node): boolean => op === "constant" || op === "iota";
  const cut = new Cut((node) => given.includes(node) || !(inside.has(node) || isKnown(node)));
  for (const node of given) cut.copy(node);
  const outputs = results.map((node, index) => ({ name: `${index}`, value: cut.copy(node) }));
  const captured = [...cut.inputs.keys()].filter((node) => !given.includes(node));
  const inputs = [...given, ...captured].map((node) => cut.inputs.get(node) as InputNode);
  return b.scan(programOf("step", inputs, outputs), steps, {
    carries: state.map(({ node }) => node),
    perStep: stacks.map(({ node }) => node),
    captured,
  });
}

function stackLayout({ sizes, batch }: Layout, steps: number): Layout {
  return layout([steps, ...sizes], batch && { ...batch, axis: batch.axis + 1 });
}

function isAlike(a: Value, b: Value): boolean {
  const [x, y] = [a.layout, b.layout];
  const same =
    x.sizes.length === y.sizes.length &&
    range(x.sizes.length).every((axis) => x.sizes[axis] === y.sizes[axis]);
  return same && a.dtype === b.dtype && x.batch?.axis === y.batch?.axis && x.batch?.outer === y.batch?.outer;
}
