/**
 * Checks options, and what is passed to operations besides operands: positional arguments such as a shift or a shape.
 *
 * In: a name, and what the user passed. Always: an unknown key, a wrong kind of value and a surplus argument are a
 * `UsageError` that says what is accepted, so that nothing the user wrote is ignored. `option-rules.ts` is the table.
 */

import { UsageError } from "../errors.ts";
import { describe } from "./describe.ts";
import { nearest } from "./nearest.ts";
import { functionRules, methodRules, type Rules, type Signature } from "./option-rules.ts";
import { captureOrigin } from "./origin.ts";
import { isPlainObject } from "./structure.ts";

/** What PyTorch, JAX and numpy call the same things. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  axis: ["dim", "dims", "axes", "dimension"],
  keepDims: ["keepdim"],
  correction: ["ddof", "unbiased"],
  order: ["ord", "p"],
  epsilon: ["eps"],
  scale: ["weight", "gamma"],
  bias: ["beta", "shift"],
  approximate: ["approx", "tanh"],
  start: ["begin", "from"],
  end: ["stop", "to"],
  step: ["stride"],
  steps: ["length", "count"],
  wrt: ["argnums", "argnum", "inputs"],
  allowZero: ["allowUnused"],
  shared: ["inAxes", "static", "constants"],
  device: ["backend", "target"],
  dtype: ["precision", "type"],
  threads: ["workers", "cores"],
  tolerance: ["tol", "rtol", "atol"],
  vector: ["vectorBytes", "simd", "lanes"],
  rate: ["lr", "learningRate"],
  decay: ["weightDecay"],
  batchRows: ["batchSize"],
  optimiser: ["optimizer"],
};

/** Of more options than this only the names are listed. */
const MOST_EXPLAINED = 4;

/** Checks a call of a free function; `rest` is everything after its operands. Gives the options. */
export function optionsOf<T extends object>(what: string, rest: readonly unknown[]): Partial<T> {
  checkCall(what, functionRules[what] ?? {}, rest);
  return rest[0] ?? {};
}

/** Makes the methods of a class check their arguments before they run: by the table, or at least their number. */
export function guardMethods(prototype: object, unguarded: readonly string[]): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const method: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
    if (!isMethod(method) || unguarded.includes(name)) continue;
    const rules = methodRules[name] ?? { operands: method.length };
    const guarded = function (this: unknown, ...args: unknown[]): unknown {
      checkCall(name, rules, args);
      return method.call(this, ...args);
    };
    Object.defineProperty(guarded, "name", { value: name });
    Object.defineProperty(prototype, name, { value: guarded, writable: true, configurable: true });
  }
}

function isMethod(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

/** Functions of operands alone may be given to `map` and `reduce`, which pass an index and the array as well. */
export function checkSurplus(what: string, rest: readonly unknown[]): void {
  for (const extra of rest) {
    if (extra !== undefined && typeof extra !== "number" && !Array.isArray(extra)) {
      throw mistake(`${what} takes nothing more, got ${show(extra)}`);
    }
  }
}

function checkCall(what: string, signature: Signature, args: readonly unknown[]): void {
  const { operands = 0, given = {}, options } = signature;
  Object.entries(given).forEach(([name, rule], place) => {
    const value = args[operands + place];
    if (value === undefined || rule.test(value)) return;
    throw mistake(`${what} takes ${name} as ${rule.accepts}, got ${show(value)}`);
  });
  const place = operands + Object.keys(given).length;
  if (options !== undefined) checkOptions(what, options, args[place]);
  const extra = args.slice(options === undefined ? place : place + 1).find((value) => value !== undefined);
  if (extra === undefined) return;
  throw mistake(`${what} takes ${accepted(signature)}, and nothing after it; got ${show(extra)} too`);
}

/** Throws a `UsageError` unless every option has a rule and keeps it; undefined counts as absent. */
export function checkOptions(what: string, rules: Rules, options: unknown): void {
  if (options === undefined) return;
  if (!isPlainObject(options)) throw notOptions(what, rules, options);
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) throw unknownOption(what, rules, key);
    if (value !== undefined && !rule.test(value)) {
      throw mistake(`option ${key} of ${what} takes ${rule.accepts}, got ${show(value)}`, "JR452");
    }
  }
}

function notOptions(what: string, rules: Rules, value: unknown): UsageError {
  const [first] = Object.entries(rules);
  const hint =
    what === "min" || what === "max"
      ? `; for the ${what === "min" ? "smaller" : "larger"} of two values write ${what}imum(a, b)`
      : first?.[1].test(value) === true && typeof value !== "object"
        ? `; did you mean { ${first[0]}: ${show(value)} }?`
        : "";
  return mistake(`${what} takes options as ${braced(rules)}, got ${show(value)}${hint}`, "JR450");
}

function unknownOption(what: string, rules: Rules, key: string): UsageError {
  const names = Object.keys(rules);
  const meant = names.find((name) => sameLetters(name, key) || isSynonym(name, key)) ?? nearest(key, names);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const isShort = names.length <= MOST_EXPLAINED;
  const list = Object.entries(rules).map(([name, { accepts }]) => (isShort ? `${name} (${accepts})` : name));
  return mistake(`${what} has no option ${key}; it has ${list.join(", ") || "none"}${hint}`, "JR451");
}

/** Other case, underscores, swapped letters. */
function sameLetters(a: string, b: string): boolean {
  const letters = (text: string): string => Array.from(plain(text)).sort().join("");
  return letters(a) === letters(b);
}

const plain = (text: string): string => text.toLowerCase().replaceAll("_", "");

function isSynonym(name: string, key: string): boolean {
  return synonyms[name]?.some((other) => plain(other) === plain(key)) === true;
}

function accepted({ given = {}, options, operands = 0 }: Signature): string {
  const parts = Object.keys(given);
  if (options !== undefined) parts.push(braced(options));
  if (parts.length > 0) return parts.join(", ");
  return operands === 0 ? "no arguments besides its value" : `${operands} besides its value`;
}

function braced(rules: Rules): string {
  return `{ ${Object.keys(rules).join(", ")} }`;
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : describe(value);
}

function mistake(message: string, code = "JR311"): UsageError {
  return new UsageError(code, `${message} (at ${captureOrigin().name})`);
}
