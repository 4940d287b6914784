/**
 * One training step of so many rows: gathers a batch, runs the bound gradient, changes the parameters in place.
 *
 * In: the gradient of a sum over rows, all rows, and the optimiser's state. Out: the sum of the losses before the step. Always:
 * everything is made when the step is; running it allocates a few numbers.
 */

import type { NdArray } from "../data/ndarray.ts";
import { gather, type RowData } from "../nn/batches.ts";
import { type Optimiser, type OptimiserState, takeStep, type Update } from "../nn/optimisers.ts";
import { flattenTree, type ParameterData, type ParameterTree, widthOf } from "../nn/tree.ts";
import { type gradientRows, parameterName } from "./gradient.ts";
import type { Bound } from "./types.ts";

/** What steps of any number of rows share. */
interface Setting {
  readonly inputs: readonly RowData[];
  readonly parameters: ParameterTree;
  readonly optimiser: Optimiser;
  readonly state: OptimiserState;
}

/** A step bound to so many rows. */
export class TrainingStep {
  /** The schedule's factor is set before a run. */
  readonly update: Update;
  readonly #count: number;
  readonly #optimiser: Optimiser;
  readonly #bound: Pick<Bound<unknown>, "run" | "rebind">;
  readonly #rows: readonly { readonly data: ParameterData; readonly place: ParameterData }[];
  readonly #loss: ParameterData;

  constructor(gradient: ReturnType<typeof gradientRows>, count: number, setting: Setting) {
    const { inputs, parameters, optimiser, state } = setting;
    const flat = flattenTree(parameters);
    const shared = flat.leaves.map(({ name, value }) => [parameterName(name), value] as const);
    const bound = gradient.bind({
      n: count,
      inputs: Object.fromEntries(inputs.map(({ name, rowShape }) => [name, rowShape])),
      dtype: widthOf(flat),
      ...Object.fromEntries(shared),
    });
    const places = bound.inputs as unknown as Readonly<Record<string, NdArray>>;
    const result = bound.result as { loss: NdArray; gradient: readonly NdArray[] };
    this.#count = count;
    this.#optimiser = optimiser;
    this.#bound = bound;
    this.#rows = inputs.map(({ name, data }) => ({ data, place: places[name]?.data as ParameterData }));
    this.#loss = result.loss.data;
    this.update = {
      parameters: flat.leaves.map(({ value }) => value.data),
      gradients: result.gradient.map(({ data }) => data),
      state,
      scale: 1 / count,
      factor: 1,
      corrections: new Float64Array(2),
    };
  }

  /** Runs the rows at order[start], …; gives the sum of their losses before the step. */
  run(order: Int32Array, start: number): number {
    const batch = { start, count: this.#count };
    for (let input = 0; input < this.#rows.length; input++)
      gather(this.#rows[input] as { data: ParameterData; place: ParameterData }, order, batch);
    this.#bound.rebind();
    this.#bound.run();
    takeStep(this.#optimiser, this.update);
    return this.#loss[0] as number;
  }
}
