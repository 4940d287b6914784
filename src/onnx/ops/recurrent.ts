/**
 * LSTM, GRU and RNN: a loop over their steps, or, if they are few, the steps themselves.
 *
 * X is (steps, batch, features), or (batch, steps, features) with `layout` 1. The product of all steps' inputs with W is
 * one contraction; per step there is one with R (GRU without `linear_before_reset`: two). Gate orders: LSTM iofc, GRU zrh.
 */

import type { Builder } from "../../ir/builder.ts";
import { relu, sigmoid } from "../../ir/library/index.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { contraction } from "../contraction.ts";
import { elementwise } from "../elementwise.ts";
import { type Layout, layout } from "../layout.ts";
import { looped } from "../steps.ts";
import type { Value } from "../value.ts";
import { added, multiplied } from "./arithmetic.ts";
import { transpose } from "./axes.ts";
import { filled } from "./constants.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { cut, entryOf, stacked } from "./slices.ts";

type Activation = (b: Builder, x: Node) => Node;

const activationsByName: Readonly<Record<string, Activation>> = {
  sigmoid,
  tanh: (b, x) => b.unary("tanh", x),
  relu,
};

/** What one direction of a cell knows. */
interface Direction {
  readonly call: Call;
  readonly hidden: number;
  /** R as (gates·hidden, hidden). */
  readonly recurrence: Value;
  /** Biases of the inputs' and the states' products, each gates·hidden. */
  readonly biases: readonly [Value | undefined, Value | undefined];
  readonly peepholes: Value | undefined;
  readonly functions: readonly Activation[];
}

/** State: h, and c for an LSTM. */
type State = readonly Value[];
/** One step from the input's product (already with its bias) and the state. */
type Cell = (direction: Direction, product: Value, state: State) => State;

function recurrent(gates: number, cell: Cell, defaults: readonly string[]): Operator {
  return row(7, (call) => {
    const batchFirst = call.int("layout", 0) === 1;
    const x = batchFirst ? transpose(call, call.input(0), [1, 0, 2]) : call.input(0);
    const steps = at(x.layout.sizes, 0);
    if (x.layout.batch?.axis === 0) call.mixes("its steps run over the batch axis (axis 0 of its input)");
    if (x.layout.batch?.axis === 2)
      call.mixes("it combines features along the batch axis (axis 2 of its input)");
    requireFullLength(call, steps);
    const directions = call.text("direction", "forward") === "bidirectional" ? 2 : 1;
    const runs = range(directions).map((index) => run(call, { x, index, gates, cell, defaults, batchFirst }));
    return results(call, runs, batchFirst);
  });
}

function requireFullLength(call: Call, steps: number): void {
  if (call.inputs[4] === undefined) return;
  const lengths = call.numbers(4, "sequence lengths");
  if (lengths.some((length) => length !== steps))
    call.unsupported("sequences shorter than the input are not computed.");
}

interface Run {
  /** h of every step, in the order of the input, stacked. */
  readonly outputs: () => Value;
  readonly state: State;
}

interface RunOptions {
  readonly x: Value;
  readonly index: number;
  readonly gates: number;
  readonly cell: Cell;
  readonly defaults: readonly string[];
  readonly batchFirst: boolean;
}

function run(call: Call, { x, index, gates, cell, defaults, batchFirst }: RunOptions): Run {
  const direction = directionOf(call, { index, gates, defaults });
  const steps = at(x.layout.sizes, 0);
  const weights = entry(call, call.input(1), index);
  const products = added(
    call,
    contraction(
      call,
      [
        { value: x, labels: [0, 1, 2] },
        { value: weights, labels: [3, 2] },
      ],
      [0, 1, 3],
    ),
    direction.biases[0],
  );
  const stateLayout = layoutOfState(x.layout, direction.hidden);
  const count = cell === lstmCell ? 2 : 1;
  const start: State = range(count).map((k) =>
    initial(call, { index, input: 5 + k, batchFirst, state: stateLayout }),
  );
  const reverse = index === 1 || call.text("direction", "forward") === "reverse";
  const inOrder = (stack: Value): Value => (reverse ? backwards(call, stack) : stack);
  const loop = looped(call, { steps, state: start, stacks: [inOrder(products)] }, (before, [product]) => {
    const next = cell(direction, product as Value, before);
    return { state: next, outputs: [at(next, 0)] };
  });
  if (loop !== undefined) return { outputs: () => inOrder(at(loop.outputs, 0)), state: loop.state };
  let state = start;
  const outputs: Value[] = [];
  for (const step of reverse ? range(steps).reverse() : range(steps)) {
    state = cell(direction, entry(call, products, step), state);
    outputs.push(at(state, 0));
  }
  return { outputs: () => stacked(call, reverse ? outputs.reverse() : outputs, 0), state };
}

/** The entries of the first axis, the last one first. */
function backwards(call: Call, stack: Value): Value {
  const count = at(stack.layout.sizes, 0);
  return cut(call, stack, new Map([[0, { start: count - 1, step: -1, count }]]));
}

function layoutOfState({ sizes, batch }: Layout, hidden: number): Layout {
  return layout([at(sizes, 1), hidden], batch && { ...batch, axis: 0 });
}

function directionOf(
  call: Call,
  { index, gates, defaults }: Pick<RunOptions, "index" | "gates" | "defaults">,
): Direction {
  if (call.has("clip")) call.unsupported("the attribute clip is not computed.");
  const recurrence = entry(call, call.input(2), index);
  const hidden = at(recurrence.layout.sizes, 1);
  const both = call.inputs[3] && entry(call, call.inputs[3], index);
  const half = (start: number): Value | undefined =>
    both && part(call, both, { start, count: gates * hidden });
  const peepholes =
    call.operator === "LSTM" && call.inputs[7] ? entry(call, call.inputs[7], index) : undefined;
  const names = call.texts("activations");
  const functions = defaults.map((otherwise, k) => {
    const name = (names[index * defaults.length + k] ?? otherwise).toLowerCase();
    return (
      activationsByName[name] ??
      call.unsupported(`the activation ${name} is not computed in recurrent cells.`)
    );
  });
  return { call, hidden, recurrence, biases: [half(0), half(gates * hidden)], peepholes, functions };
}

/** The state before the first step: an input, or zeros. */
function initial(
  call: Call,
  { index, input, batchFirst, state }: { index: number; input: number; batchFirst: boolean; state: Layout },
): Value {
  const given = call.inputs[input];
  if (given === undefined) return filled(call, { value: 0, dtype: call.input(0).dtype }, state);
  return entry(call, batchFirst ? transpose(call, given, [1, 0, 2]) : given, index);
}

/** x[index] along axis 0. */
function entry(call: Call, x: Value, index: number): Value {
  if (x.layout.batch?.axis === 0) call.mixes("its first axis, which is no batch, carries the batch");
  return entryOf(call, x, { axis: 0, index });
}

/** Cells of the last axis. */
function part(call: Call, x: Value, { start, count }: { start: number; count: number }): Value {
  return cut(call, x, new Map([[x.rank - 1, { start, step: 1, count }]]));
}

/** h Rᵀ for some gates. */
function fromState({ call }: Direction, h: Value, weights: Value): Value {
  return contraction(
    call,
    [
      { value: h, labels: [0, 1] },
      { value: weights, labels: [2, 1] },
    ],
    [0, 2],
  );
}

function gatesOf({ call, hidden }: Direction, x: Value, count: number): Value[] {
  return range(count).map((k) => part(call, x, { start: k * hidden, count: hidden }));
}

function activated({ call, functions }: Direction, x: Value, which: number): Value {
  return elementwise(call, [x], { emit: (b, [node]) => at(functions, which)(b, node as Node) });
}

/** h′ = f(x + h Rᵀ). */
const rnnCell: Cell = (direction, product, [h]) => {
  const { call, recurrence, biases } = direction;
  const sum = added(call, added(call, product, fromState(direction, h as Value, recurrence)), biases[1]);
  return [activated(direction, sum, 0)];
};

/** c′ = f ∘ c + i ∘ g, h′ = o ∘ tanh c′. */
function lstmCell(direction: Direction, product: Value, state: State): State {
  const { call, recurrence, biases, peepholes } = direction;
  const [h, c] = state as [Value, Value];
  const sum = added(call, added(call, product, fromState(direction, h, recurrence)), biases[1]);
  const [i, o, f, g] = gatesOf(direction, sum, 4) as [Value, Value, Value, Value];
  const [pi, po, pf] = peepholes === undefined ? [] : gatesOf(direction, peepholes, 3);
  const peeped = (gate: Value, weights: Value | undefined, cell: Value): Value =>
    weights === undefined ? gate : added(call, gate, multiplied(call, cell, weights));
  const input = activated(direction, peeped(i, pi, c), 0);
  const forget = activated(direction, peeped(f, pf, c), 0);
  const next = added(call, multiplied(call, forget, c), multiplied(call, input, activated(direction, g, 1)));
  const output = activated(direction, peeped(o, po, next), 0);
  return [multiplied(call, output, activated(direction, next, 2)), next];
}

/** h′ = z ∘ h + (1 − z) ∘ n, written h′ = n + z ∘ (h − n). */
const gruCell: Cell = (direction, product, [state]) => {
  const { call, hidden, recurrence, biases } = direction;
  const h = state as Value;
  const rows = (start: number, count: number): Value =>
    cut(call, recurrence, new Map([[0, { start: start * hidden, step: 1, count: count * hidden }]]));
  const bias = biases[1];
  const biasOf = (start: number, count: number): Value | undefined =>
    bias && part(call, bias, { start: start * hidden, count: count * hidden });
  const gates = added(
    call,
    added(call, part(call, product, { start: 0, count: 2 * hidden }), fromState(direction, h, rows(0, 2))),
    biasOf(0, 2),
  );
  const [z, r] = gatesOf(direction, activated(direction, gates, 0), 2) as [Value, Value];
  const candidate = part(call, product, { start: 2 * hidden, count: hidden });
  const reset =
    call.int("linear_before_reset", 0) === 1
      ? multiplied(call, r, added(call, fromState(direction, h, rows(2, 1)), biasOf(2, 1)))
      : added(call, fromState(direction, multiplied(call, r, h), rows(2, 1)), biasOf(2, 1));
  const n = activated(direction, added(call, candidate, reset), 1);
  const gap = elementwise(call, [h, n], { emit: (b, [x, y]) => b.sub(x as Node, y as Node) });
  return [added(call, n, multiplied(call, z, gap))];
};

/** Y (steps, directions, batch, hidden), then the last states (directions, batch, hidden). */
function results(call: Call, runs: readonly Run[], batchFirst: boolean): Value[] {
  const lasts = range(at(runs, 0).state.length).map((k) =>
    stacked(
      call,
      runs.map(({ state }) => at(state, k)),
      0,
    ),
  );
  const finals = batchFirst ? lasts.map((last) => transpose(call, last, [1, 0, 2])) : lasts;
  if ((call.outputs[0] ?? "") === "") return [at(finals, 0), ...finals];
  const y = stacked(
    call,
    runs.map(({ outputs }) => outputs()),
    1,
  );
  return [batchFirst ? transpose(call, y, [2, 0, 1, 3]) : y, ...finals];
}

/** Recurrent cells by name. */
export const recurrentOperators: OperatorTable = {
  RNN: recurrent(1, rnnCell, ["Tanh"]),
  LSTM: recurrent(4, lstmCell, ["Sigmoid", "Tanh", "Tanh"]),
  GRU: recurrent(3, gruCell, ["Sigmoid", "Tanh"]),
};
