/**
 * Rules for options and arguments, and the table of what operations accept besides operands: one row each, read by `options.ts`.
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

/** A rule for every option of O: one that is forgotten does not compile. */
export type RulesFor<O> = Readonly<Record<keyof O, Rule>>;

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

/** One of these values. */
export const oneOf = (...values: readonly (string | number)[]): Rule => ({
  accepts: values.map((value) => JSON.stringify(value)).join(", "),
  test: (value) => values.includes(value as string),
});
export const whole: Rule = { accepts: "a whole number", test: isWhole };
export const flag: Rule = { accepts: "true or false", test: (value) => typeof value === "boolean" };
export const number: Rule = {
  accepts: "a number",
  test: (value) => typeof value === "number" && !Number.isNaN(value),
};
export const positive: Rule = {
  accepts: "a number above 0",
  test: (value) => typeof value === "number" && value > 0,
};
export const text: Rule = { accepts: "a string", test: (value) => typeof value === "string" };
/** For options whose reader says better what is wrong. */
export const readerChecks = (accepts: string): Rule => ({ accepts, test: () => true });
export const object: Rule = {
  accepts: "an object",
  test: (value) => typeof value === "object" && value !== null,
};
export const callback: Rule = { accepts: "a function", test: (value) => typeof value === "function" };
export const names: Rule = {
  accepts: "names or positions",
  test: (value) => isName(value) || listOf(isName)(value),
};
export const listOfNames: Rule = { accepts: "an array of names or positions", test: listOf(isName) };
const operand: Rule = readerChecks("a value, a number or an array");
/** Sizes along axes. */
export const wholes: Rule = { accepts: "an array of whole numbers", test: listOf(isWhole) };
const axes: Rule = {
  accepts: "a whole number or an array of them",
  test: (value) => isWhole(value) || listOf(isWhole)(value),
};
const pairs: Rule = { accepts: "an array of pairs [before, after]", test: listOf(listOf(isWhole)) };

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
