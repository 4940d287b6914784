/**
 * Branches that are decided while importing, and loops.
 *
 * A condition on the data would give rows different programs, a trip count from the data different lengths: both are
 * refused. Loop and Scan of many steps become one loop of the program; of few, or where steps differ in more than numbers, the
 * body is imported once per step in the scope of the node.
 */

import { UnsupportedError } from "../../errors.ts";
import { at, range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import type { GraphProto } from "../model.ts";
import { isNumber } from "../size.ts";
import { looped, MOST_UNROLLED, type StepResult } from "../steps.ts";
import type { Value } from "../value.ts";
import { transpose } from "./axes.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { cut, entryOf, stacked } from "./slices.ts";

const MOST_STEPS = 1024;

const ifOperator: Operator = row(1, (call) => {
  const condition = at(call.numbers(0, "condition"), 0) !== 0;
  const graph = call.graph(condition ? "then_branch" : "else_branch") ?? call.malformed("it lacks a branch.");
  return call.subgraph(graph);
});

function bodyOf(call: Call): GraphProto {
  return call.graph("body") ?? call.malformed("it lacks a body.");
}

function checkSteps(call: Call, steps: number): void {
  if (steps > MOST_STEPS)
    call.unsupported(`${steps} steps are more than the ${MOST_STEPS} that are unrolled.`);
}

/** The body takes (step, condition, …state) and gives (condition, …state, …collected). */
const loop: Operator = row(1, (call) => {
  const body = bodyOf(call);
  const most = call.inputs[0] === undefined ? MOST_STEPS : at(call.numbers(0, "trip count"), 0);
  let state = call.inputs.slice(2) as readonly Value[];
  const collected: Value[][] = range(Math.max(0, body.outputs.length - 1 - state.length)).map(() => []);
  let running = call.inputs[1] === undefined || at(call.numbers(1, "condition"), 0) !== 0;
  const known =
    running && call.inputs[0] !== undefined ? countedLoop(call, body, { state, most }) : undefined;
  if (known !== undefined) return known;
  for (let step = 0; running && step < most; step++) {
    checkSteps(call, step);
    const [condition, ...results] = call.subgraph(body, [
      call.known([step], [], "int"),
      call.known([1], [], "bool"),
      ...state,
    ]);
    const next = divided(results, state.length);
    state = next.state;
    next.outputs.forEach((value, k) => collected[k]?.push(value));
    running = conditionOf(call, condition as Value);
  }
  return [...state, ...collected.map((values) => stackedSteps(call, values, 0))];
});

/** Many steps of a body whose condition is known to hold, and that takes its step as a number like any other. */
function countedLoop(
  call: Call,
  body: GraphProto,
  { state, most }: { state: readonly Value[]; most: number },
): Value[] | undefined {
  if (most <= MOST_UNROLLED) return undefined;
  const counted = call.known(range(most), [most], "int");
  let holds = false;
  try {
    const loop = looped(call, { steps: most, state, stacks: [counted] }, (before, [step]) => {
      const [condition, ...results] = call.subgraph(body, [
        step as Value,
        call.known([1], [], "bool"),
        ...before,
      ]);
      holds = condition?.cells?.[0] === 1;
      return divided(results, state.length);
    });
    return loop && holds ? [...loop.state, ...loop.outputs] : undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

/** A body's results: so many of state, then outputs. */
function divided(results: readonly Value[], states: number): StepResult {
  return { state: results.slice(0, states), outputs: results.slice(states) };
}

function conditionOf(call: Call, { cells }: Value): boolean {
  const known = cells?.[0];
  if (known === undefined || !isNumber(known)) return call.unsupported("its condition depends on the data.");
  return known !== 0;
}

/** The body takes (…state, …one step of each input) and gives (…state, …one step of each output). Opset 9 and later. */
const scan: Operator = row(9, (call) => {
  const body = bodyOf(call);
  const scanned = call.int("num_scan_inputs", 1);
  let state: readonly Value[] = call.given.slice(0, -scanned);
  const inputs = call.given.slice(-scanned);
  const axes = call.ints("scan_input_axes") ?? inputs.map(() => 0);
  const steps = at(at(inputs, 0).layout.sizes, call.axis(at(axes, 0), at(inputs, 0).rank));
  const known = scanLoop(call, { body, state, inputs, steps });
  if (known !== undefined) return known;
  checkSteps(call, steps);
  const place = (directions: string, k: number, step: number): number =>
    call.ints(directions)?.[k] === 1 ? steps - 1 - step : step;
  const collected: Value[][] = range(body.outputs.length - state.length).map(() => new Array<Value>(steps));
  for (const step of range(steps)) {
    const slices = inputs.map((input, k) =>
      entry(call, input, {
        axis: call.axis(at(axes, k), input.rank),
        index: place("scan_input_directions", k, step),
      }),
    );
    const next = divided(call.subgraph(body, [...state, ...slices]), state.length);
    state = next.state;
    next.outputs.forEach((value, k) => {
      at(collected, k)[place("scan_output_directions", k, step)] = value;
    });
  }
  return [
    ...state,
    ...collected.map((values, k) => stackedSteps(call, values, call.ints("scan_output_axes")?.[k] ?? 0)),
  ];
});

/** Many steps as one loop. */
function scanLoop(
  call: Call,
  {
    body,
    state,
    inputs,
    steps,
  }: { body: GraphProto; state: readonly Value[]; inputs: readonly Value[]; steps: number },
): Value[] | undefined {
  const turned = (value: Value, directions: string, k: number): Value =>
    call.ints(directions)?.[k] === 1
      ? cut(call, value, new Map([[0, { start: steps - 1, step: -1, count: steps }]]))
      : value;
  const axes = call.ints("scan_input_axes");
  const stacks = inputs.map((input, k) => {
    const axis = call.axis(axes?.[k] ?? 0, input.rank);
    if (input.layout.batch?.axis === axis) call.mixes(`it steps along axis ${axis}, the batch`);
    return turned(moved(call, input, [axis, 0]), "scan_input_directions", k);
  });
  const loop = looped(call, { steps, state, stacks }, (before, entries) =>
    divided(call.subgraph(body, [...before, ...entries]), state.length),
  );
  return (
    loop && [
      ...loop.state,
      ...loop.outputs.map((stack, k) =>
        moved(call, turned(stack, "scan_output_directions", k), [
          0,
          call.axis(call.ints("scan_output_axes")?.[k] ?? 0, stack.rank),
        ]),
      ),
    ]
  );
}

/** An axis put in another place. */
function moved(call: Call, value: Value, [from, to]: readonly [number, number]): Value {
  if (from === to) return value;
  const rest = range(value.rank).filter((axis) => axis !== from);
  return transpose(call, value, rest.toSpliced(to, 0, from));
}

function stackedSteps(call: Call, values: readonly Value[], axis: number): Value {
  if (values.length === 0) call.unsupported("a loop of no steps gives nothing to stack.");
  return stacked(call, values, axis);
}

/** One step's entry of an input. */
function entry(call: Call, x: Value, { axis, index }: { axis: number; index: number }): Value {
  if (x.layout.batch?.axis === axis) call.mixes(`it steps along axis ${axis}, the batch`);
  return entryOf(call, x, { axis, index });
}

/** Branches and loops by name. */
export const control: OperatorTable = { If: ifOperator, Loop: loop, Scan: scan };
