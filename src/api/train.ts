/**
 * `train`: fits parameters to rows by mini-batches.
 *
 * In: a loss of (parameters, row), initial parameters, rows by name, an optimiser. Out: trained parameters (new arrays),
 * the loss of every epoch and the state to go on from. Always: the same seed gives the same numbers, also after saving and
 * resuming; events are let through.
 */

import { UsageError } from "../errors.ts";
import type { RowValues } from "../nn/gradient.ts";
import type { TrainingState } from "../nn/training-state.ts";
import type { ParameterTree } from "../nn/tree.ts";
import { callback, number, object, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { rulesOf } from "./options.ts";
import { type EpochReport, Training, type TrainOptions } from "./training.ts";

/** A finished training. */
export interface Trained<P extends ParameterTree> {
  readonly parameters: P;
  /** The loss of every epoch of this call. */
  readonly losses: readonly number[];
  /** What `resume` takes. */
  readonly state: TrainingState<P>;
}

const rules: RulesFor<TrainOptions<ParameterTree, RowValues>> = {
  loss: callback,
  parameters: object,
  rows: object,
  epochs: number,
  batchRows: number,
  optimiser: object,
  schedule: callback,
  seed: number,
  validation: object,
  stopping: object,
  onEpoch: callback,
  resume: object,
  ...rulesOf("device"),
};

function checkEpochs(epochs: number): void {
  if (Number.isSafeInteger(epochs) && epochs > 0) return;
  throw new UsageError(
    "JR815",
    `epochs is a whole number of passes over the rows, at least 1; got ${epochs}`,
  );
}

/** Trains parameters on rows. */
export async function train<P extends ParameterTree, R extends RowValues = RowValues>(
  options: TrainOptions<P, R>,
): Promise<Trained<P>> {
  checkOptions("train", rules, options);
  checkEpochs(options.epochs);
  const run = new Training(options);
  const losses: number[] = [];
  let pause = performance.now();
  for (let going = true; going && run.epoch < options.epochs; ) {
    const report = run.runEpoch();
    losses.push(report.loss);
    going = options.onEpoch?.(report) !== "stop" && !run.exhausted;
    if (performance.now() - pause < MOST_BUSY) continue;
    await new Promise((resolve) => setTimeout(resolve));
    pause = performance.now();
  }
  const { state } = run;
  run.dispose();
  return { parameters: options.stopping ? state.bestParameters : state.parameters, losses, state };
}

/** Milliseconds after which events are let through. */
const MOST_BUSY = 50;

/** A report as one line: what `onEpoch: (report) => console.log(progressLine(report))` shows. */
export function progressLine({ epoch, epochs, loss, validation, rate, seconds }: EpochReport): string {
  const checked = validation === undefined ? "" : `  validation ${validation.toExponential(3)}`;
  const place = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  return `${place}  loss ${loss.toExponential(3)}${checked}  rate ${rate.toPrecision(3)}  ${seconds.toFixed(1)} s`;
}
