/**
 * Checks the options of `jacrow` and `rows`, one row of the table each.
 *
 * In: what the user passed. Always: an unknown name or an unusable value is a `UsageError` that lists what is accepted,
 * so a misspelt option never passes for a default.
 */

import { UsageError } from "../errors.ts";
import { describe } from "../trace/trace.ts";

interface Rule {
  /** What is accepted, in words. */
  readonly accepts: string;
  readonly test: (value: unknown) => boolean;
}

const oneOf = (...words: readonly string[]): Rule => ({
  accepts: words.map((word) => `"${word}"`).join(", "),
  test: (value) => typeof value === "string" && words.includes(value),
});
const isName = (value: unknown): boolean => typeof value === "string" || Number.isInteger(value);
const flag: Rule = { accepts: "true or false", test: (value) => typeof value === "boolean" };
const names: Rule = {
  accepts: "names or positions of inputs or outputs",
  test: (value) => isName(value) || (Array.isArray(value) && value.every(isName)),
};

const runRules: Readonly<Record<string, Rule>> = {
  device: oneOf("auto", "wasm", "native", "interpreter"),
  dtype: oneOf("f32", "f64"),
  threads: {
    accepts: "a whole number from 1 to 1024",
    test: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1024,
  },
  deterministic: flag,
  shared: {
    accepts: "an array of names or positions",
    test: (value) => Array.isArray(value) && value.every(isName),
  },
  allowZero: flag,
  maxBytes: { accepts: "a number of bytes", test: (value) => typeof value === "number" && value > 0 },
};

const jacobianRules: Readonly<Record<string, Rule>> = {
  ...runRules,
  wrt: names,
  outputs: names,
  mode: oneOf("auto", "forward", "reverse"),
  effort: oneOf("quick", "default", "thorough"),
  format: oneOf("dense", "compressed"),
};

/** Throws a `UsageError` unless every option is known and usable; undefined counts as absent. */
export function checkOptions(what: "jacrow" | "rows", options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new UsageError("JR450", `${what} takes options as an object, got ${describe(options)}`);
  }
  const rules = what === "jacrow" ? jacobianRules : runRules;
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new UsageError("JR451", `${what} has no option ${name}; it has ${Object.keys(rules).join(", ")}`);
    }
    if (value !== undefined && !rule.test(value)) {
      throw new UsageError(
        "JR452",
        `option ${name} takes ${rule.accepts}, got ${typeof value === "string" ? `"${value}"` : describe(value)}`,
      );
    }
  }
}
