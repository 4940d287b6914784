/**
 * Optimisers: what one step does to the parameters, in plain loops over typed arrays.
 *
 * In: a description, parameters, gradients and the state of earlier steps. Out: parameters and state, changed in place;
 * a step allocates next to nothing. Always: the same numbers in give the same numbers out on every machine.
 */

import { UsageError } from "../errors.ts";
import { flag, number, object, oneOf, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import type { ParameterData } from "./tree.ts";

/** Adam (Kingma and Ba 2015) with PyTorch's conventions. */
export interface Adam {
  readonly kind: "adam";
  readonly rate: number;
  /** Forgetting factors of the first and second moments; [0.9, 0.999] by default. */
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Divides by the largest second moment so far (Reddi et al. 2018). */
  readonly amsgrad: boolean;
  readonly decay: number;
  /** True: decay shrinks the parameters themselves (AdamW); false: it is added to the gradient (L2). */
  readonly decoupled: boolean;
}

/** Gradient descent with momentum. */
export interface Sgd {
  readonly kind: "sgd";
  readonly rate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly decay: number;
}

/** A description of an optimiser. */
export type Optimiser = Adam | Sgd;

/** What an optimiser remembers: steps taken, and arrays per parameter. */
export interface OptimiserState {
  steps: number;
  readonly moments: readonly (readonly Float64Array[])[];
}

const common = { rate: number, decay: number };
const adamRules: RulesFor<Adam> = {
  ...common,
  kind: oneOf("adam"),
  betas: object,
  epsilon: number,
  amsgrad: flag,
  decoupled: flag,
};
const sgdRules: RulesFor<Sgd> = { ...common, kind: oneOf("sgd"), momentum: number, nesterov: flag };

/** Adam; rate 1e-3 by default. */
export function adam(options: Partial<Omit<Adam, "kind">> = {}): Adam {
  const defaults = { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, amsgrad: false } as const;
  checkOptions("adam", adamRules, options);
  return checked<Adam>({ kind: "adam", ...defaults, decay: 0, decoupled: false }, options);
}

/** Gradient descent; rate 1e-2, without momentum by default. */
export function sgd(options: Partial<Omit<Sgd, "kind">> = {}): Sgd {
  checkOptions("sgd", sgdRules, options);
  return checked<Sgd>({ kind: "sgd", rate: 1e-2, momentum: 0, nesterov: false, decay: 0 }, options);
}

function checked<O extends Optimiser>(defaults: O, options: Partial<O>): O {
  const optimiser: O = { ...defaults, ...options };
  const { rate, decay } = optimiser;
  if (rate >= 0 && decay >= 0 && Number.isFinite(rate + decay)) return Object.freeze(optimiser);
  throw new UsageError(
    "JR820",
    `${optimiser.kind} takes a rate ≥ 0 and a decay ≥ 0, got ${rate} and ${decay}`,
  );
}

/** The state before the first step. */
export function initialState(optimiser: Optimiser, parameters: readonly ParameterData[]): OptimiserState {
  const arrays = optimiser.kind === "adam" ? (optimiser.amsgrad ? 3 : 2) : optimiser.momentum > 0 ? 1 : 0;
  const moments = parameters.map(({ length }) =>
    Array.from({ length: arrays }, () => new Float64Array(length)),
  );
  return { steps: 0, moments };
}

/** Parameters and their gradients, leaf by leaf: made once, so that steps allocate nothing. */
export interface Update {
  readonly parameters: readonly ParameterData[];
  readonly gradients: readonly ParameterData[];
  readonly state: OptimiserState;
  /** A factor on the gradients: 1 / rows for sums over rows. */
  readonly scale: number;
  /** A factor on the optimiser's rate: the schedule's. */
  factor: number;
  /** Adam's for this step: what the moments lack as long as few gradients went into them. */
  readonly corrections: Float64Array;
}

/** One step, in place. */
export function takeStep(optimiser: Optimiser, update: Update): void {
  const { state, corrections } = update;
  state.steps++;
  if (optimiser.kind === "adam") {
    corrections[0] = 1 - power(optimiser.betas[0], state.steps);
    corrections[1] = 1 / Math.sqrt(1 - power(optimiser.betas[1], state.steps));
  }
  for (let leaf = 0; leaf < update.parameters.length; leaf++) {
    if (optimiser.kind === "adam") adamStep(optimiser, update, leaf);
    else sgdStep(optimiser, update, leaf);
  }
}

// Arrays are read by index: taking one apart would make an iterator.
function adamStep(optimiser: Adam, update: Update, leaf: number): void {
  const { epsilon, amsgrad, decay, decoupled } = optimiser;
  const { scale, corrections } = update;
  const parameter = update.parameters[leaf] as ParameterData;
  const gradient = update.gradients[leaf] as ParameterData;
  const moments = update.state.moments[leaf] as readonly Float64Array[];
  const first = moments[0] as Float64Array;
  const second = moments[1] as Float64Array;
  const largest = moments[2];
  const beta1 = optimiser.betas[0];
  const beta2 = optimiser.betas[1];
  const rate = optimiser.rate * update.factor;
  const size = rate / (corrections[0] as number);
  const correction = corrections[1] as number;
  const shrink = decoupled ? 1 - rate * decay : 1;
  const added = decoupled ? 0 : decay;
  for (let i = 0; i < parameter.length; i++) {
    const value = parameter[i] as number;
    const slope = scale * (gradient[i] as number) + added * value;
    const mean = beta1 * (first[i] as number) + (1 - beta1) * slope;
    const square = beta2 * (second[i] as number) + (1 - beta2) * slope * slope;
    first[i] = mean;
    second[i] = square;
    let spread = square;
    if (amsgrad && largest !== undefined) {
      spread = Math.max(largest[i] as number, square);
      largest[i] = spread;
    }
    parameter[i] = value * shrink - (size * mean) / (Math.sqrt(spread) * correction + epsilon);
  }
}

function sgdStep(optimiser: Sgd, update: Update, leaf: number): void {
  const { momentum, nesterov, decay } = optimiser;
  const { scale, state } = update;
  const rate = optimiser.rate * update.factor;
  const parameter = update.parameters[leaf] as ParameterData;
  const gradient = update.gradients[leaf] as ParameterData;
  const velocity = (state.moments[leaf] as readonly Float64Array[])[0];
  for (let i = 0; i < parameter.length; i++) {
    const value = parameter[i] as number;
    const slope = scale * (gradient[i] as number) + decay * value;
    let direction = slope;
    if (velocity !== undefined) {
      const speed = state.steps === 1 ? slope : momentum * (velocity[i] as number) + slope;
      velocity[i] = speed;
      direction = nesterov ? slope + momentum * speed : speed;
    }
    parameter[i] = value - rate * direction;
  }
}

/** base ** exponent by squaring: `**` may differ in the last bit between engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
