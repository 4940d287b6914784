/**
 * The table of what operations accept besides operands: one row each, read by `options.ts`.
 *
 * Ranges that depend on shapes (an axis, an index) are checked by the operations themselves.
 */

/** One option or positional argument. */
export interface Rule {
  /** What is accepted, in words. */
  readonly accepts: string;
  readonly test: (value: unknown) => boolean;
}

/** Rules by name. */
export type Rules = Readonly<Record<string, Rule>>;

/** What a call takes, in this order. */
export interface Signature {
  /** How many operands, checked elsewhere, come first. */
  readonly operands?: number;
  /** Positional arguments by name. */
  readonly given?: Rules;
  /** The options at the end. */
  readonly options?: Rules;
}

const isWhole = (value: unknown): boolean => Number.isInteger(value);
const isName = (value: unknown): boolean => typeof value === "string" || isWhole(value);
const listOf =
  (test: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(test);

const whole: Rule = { accepts: "a whole number", test: isWhole };
const flag: Rule = { accepts: "true or false", test: (value) => typeof value === "boolean" };
const number: Rule = {
  accepts: "a number",
  test: (value) => typeof value === "number" && !Number.isNaN(value),
};
const operand: Rule = { accepts: "a value, a number or an array", test: () => true };
const wholes: Rule = { accepts: "an array of whole numbers", test: listOf(isWhole) };
const axes: Rule = {
  accepts: "a whole number or an array of them",
  test: (value) => isWhole(value) || listOf(isWhole)(value),
};
const pairs: Rule = { accepts: "an array of pairs [before, after]", test: listOf(listOf(isWhole)) };
const names: Rule = {
  accepts: "names or positions of arguments",
  test: (value) => isName(value) || listOf(isName)(value),
};
const callback: Rule = { accepts: "a function", test: (value) => typeof value === "function" };

const alongOne: Signature = { options: { axis: whole } };
const over: Signature = { options: { axis: axes, keepDims: flag } };
const spread: Signature = { options: { axis: axes, keepDims: flag, correction: number } };
const normalised: Signature = { options: { axis: axes, epsilon: number, scale: operand, bias: operand } };
const shaped: Signature = { given: { shape: wholes } };
const differentiated: Signature = { options: { wrt: names, allowZero: flag } };

/** Methods that take more than operands; of all others the number of arguments is checked. */
export const methodRules: Readonly<Record<string, Signature>> = {
  softplus: { options: { beta: number, threshold: number } },
  gelu: { options: { approximate: { ...flag, accepts: "true (Φ from tanh) or false (exact)" } } },
  leakyRelu: { given: { slope: number } },
  elu: { given: { alpha: number } },
  softmax: alongOne,
  logSoftmax: alongOne,
  layerNorm: normalised,
  rmsNorm: normalised,
  cumsum: alongOne,
  sum: over,
  mean: over,
  prod: over,
  max: over,
  min: over,
  logsumexp: over,
  any: over,
  all: over,
  norm: { options: { order: number, axis: axes, keepDims: flag } },
  variance: spread,
  std: spread,
  slice: { given: { start: whole, end: whole }, options: { axis: whole, step: whole } },
  take: { operands: 1, options: { axis: whole } },
  reshape: shaped,
  broadcastTo: shaped,
  transpose: { given: { order: wholes } },
  squeeze: alongOne,
  unsqueeze: { given: { axis: whole } },
  flip: alongOne,
  roll: { given: { shift: whole }, options: { axis: whole } },
  pad: { given: { widths: pairs, value: number } },
};

/** Free functions that do not hand their arguments on to a method of their name. */
export const functionRules: Readonly<Record<string, Signature>> = {
  stack: alongOne,
  concat: alongOne,
  slice: { options: { start: whole, end: whole, axis: whole, step: whole } },
  jacobian: differentiated,
  valueAndJacobian: differentiated,
  hessian: differentiated,
  custom: { options: { jvp: callback } },
  smooth: { options: { beta: number } },
  scan: { options: { steps: whole } },
};
