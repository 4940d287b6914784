/**
 * The options of `jacrow` and `rows`, and those of their methods: one rule each, for `checkOptions`.
 *
 * Always: functions that take some of the same options take these rules.
 */

import {
  flag,
  listOfNames,
  names,
  oneOf,
  positive,
  type Rule,
  type RulesFor,
  readerChecks,
} from "../trace/option-rules.ts";
import type { CompileSpec, ExplainSpec, JacrowOptions, RunOptions, ShapeSpec } from "./types.ts";

const shapes: Rule = readerChecks("the shape of one row, or one for each input");

/** Options of `rows`. */
export const runRules: RulesFor<RunOptions> = {
  device: oneOf("auto", "wasm", "native", "interpreter"),
  dtype: oneOf("f32", "f64"),
  threads: {
    accepts: "a whole number from 1 to 1024",
    test: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1024,
  },
  deterministic: flag,
  shared: listOfNames,
  allowZero: flag,
  maxBytes: { ...positive, accepts: "a number of bytes" },
};

/** Options of `jacrow`. */
export const jacobianRules: RulesFor<JacrowOptions> = {
  ...runRules,
  wrt: names,
  outputs: names,
  mode: oneOf("auto", "forward", "reverse"),
  effort: oneOf("quick", "default", "thorough"),
  format: oneOf("dense", "compressed"),
};

/** The rules of some options of `jacrow`. */
export function rulesOf<K extends keyof JacrowOptions>(...chosen: readonly K[]): Readonly<Record<K, Rule>> {
  return Object.fromEntries(chosen.map((name) => [name, jacobianRules[name]])) as Record<K, Rule>;
}

/** Options of `pattern`, and those of `bind` besides rows and shared inputs. */
export const shapeRules: RulesFor<ShapeSpec> = { inputs: shapes, dtype: runRules.dtype };

/** Options of `compile`. */
export const compileRules: RulesFor<CompileSpec> = {
  ...shapeRules,
  n: readerChecks("a whole number of rows"),
};

/** Options of `explain`. */
export const explainRules: RulesFor<ExplainSpec> = {
  ...shapeRules,
  show: {
    accepts: 'an array of "ir"',
    test: (value) => Array.isArray(value) && value.every((one) => one === "ir"),
  },
  format: oneOf("text", "json", "svg"),
};
