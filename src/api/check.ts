/**
 * `checkJacobian`: the Jacobian against central differences, both in float64.
 *
 * In: a function of one row or a model, and rows. Out: the largest relative error of any row and the places that differ.
 * Float32 differences would blame right code, so everything runs in the interpreter. `jacrow check` reports the same.
 */

import { expandJacobians } from "../autodiff/index.ts";
import { UsageError } from "../errors.ts";
import { at, range, showShape, sizeOf } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { interpret } from "../runtime/interpreter.ts";
import { positive, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { isRowFunction } from "../trace/row-function.ts";
import type { AnyFunction } from "../trace/trace.ts";
import { chooseInputs } from "../trace/wrt.ts";
import { type CallArguments, readArguments } from "./arguments.ts";
import { type Comparison, compareRow, type Difference, MOST_LISTED } from "./differences.ts";
import { rulesOf } from "./options.ts";
import { baseOf, planJacobian } from "./plan.ts";
import type { Given, JacrowOptions } from "./types.ts";

/** What the check found. */
export interface CheckReport {
  readonly ok: boolean;
  /** Rows that were compared. */
  readonly rows: number;
  /** max |Z − D| / max |D| of the worst row, output and input, of the entries that differences can tell. */
  readonly relativeError: number;
  /** Entries left out because differences by two steps disagree: the function has a kink there. */
  readonly kinks: number;
  /** Entries left out because they differ by no more than the rounding of the differences. */
  readonly unclear: number;
  /** The worst entries, worst first, at most ten. */
  readonly worst: readonly Difference[];
  /** One line for people. */
  readonly message: string;
}

/** Options of `checkJacobian`. */
export interface CheckOptions extends Pick<JacrowOptions, "wrt" | "outputs" | "shared" | "mode"> {
  /** Largest accepted relative error, 1e-6 by default. */
  readonly tolerance?: number;
}

const optionRules: RulesFor<CheckOptions> = {
  ...rulesOf("wrt", "outputs", "shared", "mode"),
  tolerance: positive,
};

/** Compares; `rows` is what `jacrow(f)` would take: X, an object of named inputs, or an array of several arguments. */
export function checkJacobian(
  f: AnyFunction,
  rows: Given | readonly Given[] | Readonly<Record<string, Given>>,
  options: CheckOptions = {},
): CheckReport {
  if (typeof f !== "function")
    throw new UsageError("JR400", "checkJacobian takes a function of one row or a loaded model");
  checkOptions("checkJacobian", optionRules, options);
  const call = readArguments(f.length > 1 && !isRowFunction(f) ? (rows as readonly unknown[]) : [rows], {
    shared: options.shared ?? [],
    dtype: "f64",
    shapeOf: () => undefined,
    single: false,
  });
  const program = expandJacobians(baseOf(f, call.signature, { ...options, allowZero: true }).program);
  const checkSizes = (): void => {};
  const { program: plan } = planJacobian(f, call.signature, { ...options, allowZero: true, checkSizes });
  const values = interpret(plan, call.data, call.n);
  const wrt = chooseInputs(program.name, call.signature, options.wrt).inputs;
  const { tolerance = 1e-6 } = options;
  const found = range(call.n).flatMap((row) => {
    const inputs = ofRow(program.inputs, call.data, row);
    const jacobians = ofRow(
      plan.outputs.map(({ value }) => value),
      values,
      row,
    );
    return compareRow(program, wrt, { tolerance, row, inputs, jacobians });
  });
  return reportOf(program.name, found, { rows: call.n, tolerance });
}

/** The part of one row of each; what is the same for all rows stays whole. */
function ofRow(nodes: readonly Node[], data: CallArguments["data"], row: number): CallArguments["data"] {
  return nodes.map(({ shape, level }, index) => {
    const [all, size] = [at(data, index), sizeOf(shape)];
    return level === "row" ? all.subarray(row * size, (row + 1) * size) : all;
  });
}

/** The report of all rows. */
export function reportOf(
  name: string,
  found: readonly Comparison[],
  { rows, tolerance }: { rows: number; tolerance: number },
): CheckReport {
  const relativeError = found.reduce((most, one) => Math.max(most, one.relativeError), 0);
  const [kinks, unclear] = [sumOf(found, "kinks"), sumOf(found, "unclear")];
  const ranked = found.flatMap(({ wrong }) => wrong).sort((a, b) => b.error - a.error);
  const worst = ranked.slice(0, MOST_LISTED);
  const ok = relativeError <= tolerance;
  const message =
    `${name}: the Jacobian ${ok ? "agrees with" : "DIFFERS from"} central differences: relative error ` +
    `${relativeError.toExponential(1)}, tolerance ${tolerance.toExponential()}, ${counted(rows, "row")} checked` +
    (kinks > 0
      ? `; ${counted(kinks, "entry")} left out, where differences by two steps disagree (kinks)`
      : "") +
    (unclear > 0 ? `; ${counted(unclear, "entry")} left out, within the rounding of differences` : "") +
    worst.slice(0, 1).map(placeText).join("");
  return { ok, rows, relativeError, kinks, unclear, worst, message };
}

function sumOf(found: readonly Comparison[], what: "kinks" | "unclear"): number {
  return found.reduce((sum, one) => sum + one[what], 0);
}

function placeText({ row, output, input, index, jacobian, differences }: Difference): string {
  const place = `row ${row}, ∂${output}/∂${input} at ${showShape(index)}`;
  return `; worst at ${place}: Jacobian ${jacobian}, differences ${differences}`;
}

function counted(count: number, what: "row" | "entry"): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what === "row" ? "rows" : "entries"}`;
}
