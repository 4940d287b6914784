/**
 * One training while it runs: epochs of mini-batches, validation, the best parameters so far.
 *
 * In: what `train` is given. Out: a report per epoch, and the state to go on from. Always: the order of rows and all numbers
 * follow from the seed.
 */

import { toRows } from "../data/rows.ts";
import { UsageError } from "../errors.ts";
import { type RowData, shuffled } from "../nn/batches.ts";
import type { Loss, RowValues } from "../nn/gradient.ts";
import { adam, initialState, type Optimiser, type OptimiserState } from "../nn/optimisers.ts";
import { Random } from "../nn/random.ts";
import { nothingYet, type Schedule, type Stopping, updatedBest } from "../nn/schedules.ts";
import { copyState, type TrainingState } from "../nn/training-state.ts";
import { copyTree, flattenTree, type ParameterData, type ParameterTree, widthOf } from "../nn/tree.ts";
import { rebindBy } from "../runtime/rebinding.ts";
import { writeThroughTables } from "../runtime/rebinding-tables.ts";
import { type GivenRows, gradientRows, lossRows, named } from "./gradient.ts";
import { TrainingStep } from "./training-step.ts";
import type { Given, RunOptions } from "./types.ts";

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

/** One training while it runs. */
export class Training<P extends ParameterTree, R extends RowValues> {
  epoch: number;
  readonly #options: TrainOptions<P, R>;
  readonly #optimiser: Optimiser;
  readonly #parameters: P;
  readonly #moments: OptimiserState;
  readonly #random: Random;
  readonly #inputs: readonly RowData[];
  readonly #batchRows: number;
  readonly #order: Int32Array;
  readonly #gradient: ReturnType<typeof gradientRows>;
  /** By the number of rows: of all batches but the last, and of the last. */
  readonly #steps: Map<number, TrainingStep> = new Map();
  readonly #validate: ReturnType<typeof gradientRows> | undefined;
  readonly #started: number = performance.now();
  #best = nothingYet;
  #bestParameters: P;

  constructor(options: TrainOptions<P, R>) {
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
    const data = leaves.map(({ value }) => value.data);
    this.#moments = state?.optimiser ?? initialState(optimiser, data);
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
    // Whoever stops early keeps the best parameters so far instead.
    if (Number.isNaN(loss) && !(this.#options.stopping && Number.isFinite(this.#best.loss))) {
      this.dispose();
      throw noLoss({ epoch: this.epoch, rate: this.#optimiser.rate }, this.#inputs);
    }
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
    step.update.factor = this.#factor(this.epoch + start / this.#order.length);
    return step.run(this.#order, start);
  }

  #bind(count: number): TrainingStep {
    const step = new TrainingStep(this.#gradient, count, {
      inputs: this.#inputs,
      parameters: this.#parameters,
      optimiser: this.#optimiser,
      state: this.#moments,
    });
    this.#steps.set(count, step);
    return step;
  }

  #factor(epoch: number): number {
    const { schedule, epochs } = this.#options;
    return schedule === undefined ? 1 : schedule({ epoch, epochs });
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

/** No later epoch can mend a loss that is NaN. */
function noLoss({ epoch, rate }: { epoch: number; rate: number }, inputs: readonly RowData[]): UsageError {
  const wrong = inputs.find(({ data }) => data.some(Number.isNaN));
  const why =
    wrong === undefined
      ? `the rate ${rate} may be too large, or the loss has no value (0/0, a logarithm or root below 0) at some row`
      : `the rows' ${wrong.name} holds NaN`;
  return new UsageError("JR816", `the loss of epoch ${epoch} is NaN, and so are the parameters now: ${why}`);
}

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
