/**
 * `train`: fits parameters to rows by mini-batches.
 *
 * In: a loss of (parameters, row), initial parameters, rows by name, an optimiser. Out: trained parameters (new arrays),
 * the loss of every epoch and the state to go on from. Always: a step is one bound run over the rows of a batch, followed
 * by the optimiser's loops, and allocates next to nothing; the same seed gives the same numbers, also after saving and resuming.
 */

import type { NdArray } from "../data/ndarray.ts";
import { toRows } from "../data/rows.ts";
import { UsageError } from "../errors.ts";
import { gather, type RowData, shuffled } from "../nn/batches.ts";
import type { Loss, RowValues } from "../nn/gradient.ts";
import { adam, initialState, type Optimiser, type OptimiserState, takeStep } from "../nn/optimisers.ts";
import { Random } from "../nn/random.ts";
import { constantRate, nothingYet, type Schedule, type Stopping, updatedBest } from "../nn/schedules.ts";
import { copyState, type TrainingState } from "../nn/training-state.ts";
import { copyTree, flattenTree, type ParameterData, type ParameterTree, widthOf } from "../nn/tree.ts";
import { rebindBy } from "../runtime/rebinding.ts";
import { writeThroughTables } from "../runtime/rebinding-tables.ts";
import { type GivenRows, gradientRows, lossRows, named, parameterName } from "./gradient.ts";
import type { Bound, Given, RunOptions } from "./types.ts";

/** What one epoch came to. */
export interface EpochReport {
  /** Epochs done, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** The mean over the epoch's rows, each before its batch's step. */
  readonly loss: number;
  /** The mean over the validation rows after the epoch. */
  readonly validation?: number;
  readonly rate: number;
  /** Since training started. */
  readonly seconds: number;
}

/** What to train, on what, and how. */
export interface TrainOptions<P extends ParameterTree, R extends RowValues> {
  readonly loss: Loss<P, R>;
  readonly parameters: P;
  readonly rows: GivenRows<R>;
  readonly epochs: number;
  /** Rows per step; 256 by default. */
  readonly batchRows?: number;
  /** adam() by default. */
  readonly optimiser?: Optimiser;
  readonly schedule?: Schedule;
  /** The order of the rows; 0 by default. */
  readonly seed?: number;
  /** Rows that are not trained on. */
  readonly validation?: GivenRows<R>;
  /** Ends early when the loss (of the validation rows, if there are any) no longer falls, and keeps the best parameters. */
  readonly stopping?: Stopping;
  /** Called after every epoch; the word "stop" as its result ends the training. */
  readonly onEpoch?: (report: EpochReport) => unknown;
  /** Goes on from here; its parameters stand for `parameters`. */
  readonly resume?: TrainingState<P>;
  readonly device?: RunOptions["device"];
}

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

/** Trains parameters on rows. */
export async function train<P extends ParameterTree, R extends RowValues = RowValues>(
  options: TrainOptions<P, R>,
): Promise<Trained<P>> {
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

/** A step bound to so many rows: where its rows go, what it computes from them, and the optimiser's part. */
interface Step {
  readonly rows: readonly { readonly data: ParameterData; readonly place: ParameterData }[];
  readonly bound: Pick<Bound<unknown>, "run" | "rebind">;
  readonly loss: ParameterData;
  readonly gradients: readonly ParameterData[];
}

/** One training while it runs. */
class Training<P extends ParameterTree, R extends RowValues> {
  epoch: number;
  readonly #options: TrainOptions<P, R>;
  readonly #optimiser: Optimiser;
  readonly #parameters: P;
  readonly #leaves: readonly ParameterData[];
  readonly #moments: OptimiserState;
  readonly #random: Random;
  readonly #inputs: readonly RowData[];
  readonly #batchRows: number;
  readonly #order: Int32Array;
  readonly #gradient: ReturnType<typeof gradientRows>;
  /** By the number of rows: of all batches but the last, and of the last. */
  readonly #steps: Map<number, Step> = new Map();
  readonly #validate: ReturnType<typeof gradientRows> | undefined;
  readonly #started: number = performance.now();
  #best = nothingYet;
  #bestParameters: P;

  constructor(options: TrainOptions<P, R>) {
    checkNames(options);
    rebindBy(writeThroughTables);
    const { resume, seed = 0, batchRows = 256, optimiser = adam(), device = "auto" } = options;
    this.#options = options;
    this.#optimiser = optimiser;
    this.epoch = resume?.epoch ?? 0;
    const state = resume && copyState(resume);
    this.#parameters = state?.parameters ?? copyTree(options.parameters);
    this.#bestParameters = state?.bestParameters ?? this.#parameters;
    this.#best = state?.best ?? nothingYet;
    const flat = flattenTree(this.#parameters);
    const { leaves, structure } = flat;
    const dtype = widthOf(flat);
    this.#leaves = leaves.map(({ value }) => value.data);
    this.#moments = state?.optimiser ?? initialState(optimiser, this.#leaves);
    this.#random = new Random(state?.random ?? seed, BATCHES);
    const { inputs, n } = readRows(options.rows, dtype);
    this.#order = new Int32Array(n);
    this.#batchRows = Math.min(checkedBatch(batchRows), n);
    this.#inputs = inputs;
    const paths = leaves.map(({ name }) => name);
    // Sums need no arithmetic after the rows; the optimiser divides by their number.
    const run = { device, dtype, reduction: "sum", threads: 1 } as const;
    this.#gradient = gradientRows(options.loss, { structure, paths, options: run });
    this.#validate = options.validation && lossRows(options.loss, { structure, paths, options: run });
  }

  runEpoch(): EpochReport {
    shuffled(this.#order, this.#random);
    const n = this.#order.length;
    let sum = 0;
    for (let start = 0; start < n; start += this.#batchRows) {
      const count = Math.min(this.#batchRows, n - start);
      sum += this.#oneStep(start, count);
    }
    this.epoch++;
    const loss = sum / n;
    const validation = this.#validationLoss();
    this.#note(validation ?? loss);
    return {
      epoch: this.epoch,
      epochs: this.#options.epochs,
      loss,
      ...(validation !== undefined && { validation }),
      rate: this.#optimiser.rate * this.#factor(this.epoch),
      seconds: (performance.now() - this.#started) / 1e3,
    };
  }

  /** No better loss for as many epochs as the user has patience for. */
  get exhausted(): boolean {
    const { stopping } = this.#options;
    return stopping !== undefined && this.#best.since >= stopping.patience;
  }

  get state(): TrainingState<P> {
    return copyState({
      parameters: this.#parameters,
      bestParameters: this.#bestParameters,
      optimiser: this.#moments,
      random: this.#random.state,
      epoch: this.epoch,
      best: this.#best,
    });
  }

  dispose(): void {
    this.#gradient.dispose();
    this.#validate?.dispose();
  }

  /** The sum of the batch's losses before the step. */
  #oneStep(start: number, count: number): number {
    const step = this.#steps.get(count) ?? this.#bind(count);
    const batch = { start, count };
    for (let input = 0; input < step.rows.length; input++)
      gather(step.rows[input] as Step["rows"][number], this.#order, batch);
    step.bound.rebind();
    step.bound.run();
    takeStep(this.#optimiser, {
      parameters: this.#leaves,
      gradients: step.gradients,
      state: this.#moments,
      factor: this.#factor(this.epoch + start / this.#order.length),
      scale: 1 / count,
    });
    return step.loss[0] as number;
  }

  #bind(n: number): Step {
    const flat = flattenTree(this.#parameters);
    const shared = flat.leaves.map(({ name, value }) => [parameterName(name), value] as const);
    const bound = this.#gradient.bind({
      n,
      inputs: Object.fromEntries(this.#inputs.map(({ name, rowShape }) => [name, rowShape])),
      dtype: widthOf(flat),
      ...Object.fromEntries(shared),
    });
    const places = bound.inputs as unknown as Readonly<Record<string, NdArray>>;
    const { loss, gradient } = bound.result as { loss: NdArray; gradient: readonly NdArray[] };
    const step = {
      rows: this.#inputs.map(({ name, data }) => ({ data, place: places[name]?.data as ParameterData })),
      bound,
      loss: loss.data,
      gradients: gradient.map(({ data }) => data),
    };
    this.#steps.set(n, step);
    return step;
  }

  #factor(epoch: number): number {
    const { schedule = constantRate(), epochs } = this.#options;
    return schedule({ epoch, epochs });
  }

  #validationLoss(): number | undefined {
    const { validation } = this.#options;
    if (validation === undefined || this.#validate === undefined) return undefined;
    const { data } = this.#validate.sync(named(this.#parameters, validation)) as { data: ParameterData };
    return data[0];
  }

  #note(loss: number): void {
    this.#best = updatedBest(this.#best, loss, this.#options.stopping?.least);
    const kept = this.#options.stopping !== undefined;
    if (this.#best.since === 0) this.#bestParameters = kept ? copyTree(this.#parameters) : this.#parameters;
  }
}

/** The generator's stream for batches: not the one that initial weights are drawn from. */
const BATCHES = 1;

function checkedBatch(rows: number): number {
  if (Number.isSafeInteger(rows) && rows > 0) return rows;
  throw new UsageError("JR812", `batchRows is a whole number of rows, at least 1; got ${rows}`);
}

/** Rows in the parameters' width. */
function readRows(
  given: Readonly<Record<string, Given>>,
  dtype: "f32" | "f64",
): { inputs: RowData[]; n: number } {
  const counts = new Map<string, number>();
  const inputs = Object.entries(given).map(([name, value]): RowData => {
    const { data, n, rowShape } = toRows(value as Exclude<Given, number>, undefined, { name, dtype });
    counts.set(name, n);
    return { name, data: data as ParameterData, rowShape };
  });
  const [n = 0, ...others] = counts.values();
  if (n > 0 && others.every((count) => count === n)) return { inputs, n };
  const list = [...counts].map(([name, count]) => `${name} has ${count}`).join(", ");
  throw new UsageError("JR813", `training takes rows, as many of each input: ${list || "none were given"}`);
}

/** A report as one line: what `onEpoch: (report) => console.log(progressLine(report))` shows. */
export function progressLine({ epoch, epochs, loss, validation, rate, seconds }: EpochReport): string {
  const checked = validation === undefined ? "" : `  validation ${validation.toExponential(3)}`;
  const place = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  return `${place}  loss ${loss.toExponential(3)}${checked}  rate ${rate.toPrecision(3)}  ${seconds.toFixed(1)} s`;
}
