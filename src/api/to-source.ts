/**
 * `toSource(f)`: a function of one row and its Jacobian as source for people who embed, without jacrow.
 *
 * In: a function and the shape of a row, or a loaded model. Out: files by name: C99, plain JavaScript, or WebAssembly with
 * glue. Always: what they compute is what `jacrow(f)` would.
 */

import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import type { Program } from "../ir/types.ts";
import { oneOf, type RulesFor, text } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { isRowFunction } from "../trace/row-function.ts";
import { type AnyFunction, describe, type Signature } from "../trace/trace.ts";
import { checkPaths } from "../trace/transforms.ts";
import { chooseInputs } from "../trace/wrt.ts";
import { checkShared, signatureOf } from "./arguments.ts";
import { modelDtype, modelSignature } from "./model.ts";
import { rulesOf, shapeRules } from "./options.ts";
import { baseOf } from "./plan.ts";
import { identifier, type SourceOptions, sourceC, sourceJs, sourceWasm, vectorBytes } from "./source.ts";
import type { InputShapes, JacrowOptions } from "./types.ts";

/** Options of `toSource`. */
export interface ToSourceOptions
  extends Pick<JacrowOptions, "wrt" | "outputs" | "shared" | "mode" | "effort" | "allowZero"> {
  /** C99 with header, example and CMake file; one JavaScript module; or a WebAssembly module with glue. Shared inputs follow the others. */
  readonly format: "c" | "js" | "wasm";
  /** Shapes of one row of each input; not needed for models. */
  readonly inputs?: InputShapes;
  /** The function's name; by default f's own. */
  readonly name?: string;
  /** A model's own width by default, else float64; JavaScript is always float64. */
  readonly dtype?: FloatType;
  /** A row's Jacobian by rows, the default, or by columns. */
  readonly layout?: "row" | "col";
  /** C: bits of a vector; 128, the default, suits every machine, 256 and 512 those that the compiler is told of. */
  readonly vector?: 128 | 256 | 512;
}

const writers = { c: sourceC, js: sourceJs, wasm: sourceWasm } as const;
const rules: RulesFor<ToSourceOptions> = {
  format: oneOf("c", "js", "wasm"),
  inputs: shapeRules.inputs,
  name: text,
  layout: oneOf("row", "col"),
  vector: oneOf(128, 256, 512),
  ...rulesOf("wrt", "outputs", "shared", "mode", "effort", "allowZero", "dtype"),
};

/**
 * The files, by name, of a function that computes f's values and Jacobian for any number of rows; values alone with `wrt: []`. Sums
 * over rows follow as one value each.
 */
export function toSource(f: AnyFunction, options: ToSourceOptions): Map<string, string | Uint8Array> {
  if (typeof f !== "function")
    throw new UsageError(
      "JR400",
      `toSource takes a function of one row or a loaded model, got ${describe(f)}`,
    );
  checkOptions("toSource", rules, options);
  if (options?.format === undefined)
    throw new UsageError("JR450", 'toSource needs a format: toSource(f, { inputs: [3], format: "c" })');
  const model = isRowFunction(f) ? f : undefined;
  if (model === undefined && options.inputs === undefined) {
    throw new UsageError(
      "JR430",
      'toSource needs the shape of a row of a function: toSource(f, { inputs: [3], format: "c" })',
    );
  }
  const signature = model
    ? modelSignature(model)
    : signatureOf(options.inputs, options.shared ?? [], { name: f.name, arity: f.length });
  checkShared(options.shared ?? [], signature.inputs);
  const { program } = baseOf(f, signature, options);
  const { mode = "auto", effort = "default", allowZero = false, layout = "row", vector = 128 } = options;
  const wrt = chosenInputs(program, signature, options.wrt);
  if (!allowZero) checkPaths(program.name, rowsOf(program), wrt);
  const how: SourceOptions = {
    request: { wrt, mode, effort, allowZero },
    dtype: options.dtype ?? (model && modelDtype(model)) ?? "f64",
    layout,
    vectorBytes: vectorBytes[vector],
    name: identifier(options.name ?? program.name, new Set()),
  };
  return writers[options.format](program, how);
}

/** `wrt: []` asks for values alone, as do results that are all sums over rows. */
function chosenInputs(
  program: Program,
  signature: Signature,
  wrt: ToSourceOptions["wrt"],
): readonly number[] {
  if ((Array.isArray(wrt) && wrt.length === 0) || rowsOf(program).outputs.length === 0) return [];
  return chooseInputs(`toSource(${program.name})`, signature, wrt).inputs;
}

/** Only what has rows is differentiated. */
function rowsOf(program: Program): Program {
  return { ...program, outputs: program.outputs.filter(({ value }) => value.level !== "finish") };
}
