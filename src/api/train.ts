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
import { type EpochReport, Training, type TrainOptions } from "./training.ts";

/** A finished training. */
export interface Trained<P extends ParameterTree> {
  readonly parameters: P;
  /** The loss of every epoch of this call. */
  readonly losses: readonly number[];
  /** What `resume` takes. */
  readonly state: TrainingState<P>;
}

/** Every option, so that a misspelt one never passes for a default. */
const OPTIONS: Readonly<Record<keyof TrainOptions<ParameterTree, RowValues>, true>> = {
  loss: true,
  parameters: true,
  rows: true,
  epochs: true,
  batchRows: true,
  optimiser: true,
  schedule: true,
  seed: true,
  validation: true,
  stopping: true,
  onEpoch: true,
  resume: true,
  device: true,
};

function checkNames(options: object): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown === undefined) return;
  throw new UsageError("JR814", `train has no option ${unknown}; it has ${Object.keys(OPTIONS).join(", ")}`);
}

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
  checkNames(options);
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
