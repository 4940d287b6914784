/**
 * `toOnnx(f)`: a function of one row and its Jacobian as an ONNX model, for every runtime that reads ONNX.
 *
 * In: a function and the shape of a row, or a loaded model. Out: the bytes of a model with a dynamic batch axis "n" and the
 * outputs Y and Z. Always: the model has no dependence on jacrow; it holds plain operators of the main domain.
 */

import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { jacobianToOnnx, type Results } from "../onnx/export/jacobian.ts";
import { oneOf, type RulesFor, whole } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { isRowFunction } from "../trace/row-function.ts";
import { type AnyFunction, describe } from "../trace/trace.ts";
import { checkPaths } from "../trace/transforms.ts";
import { chooseInputs } from "../trace/wrt.ts";
import { signatureOf } from "./arguments.ts";
import { modelDtype, modelSignature } from "./model.ts";
import { rulesOf, shapeRules } from "./options.ts";
import { baseOf } from "./plan.ts";
import type { InputShapes, JacrowOptions } from "./types.ts";

/** Options of `toOnnx`. */
export interface ToOnnxOptions
  extends Pick<JacrowOptions, "wrt" | "outputs" | "mode" | "effort" | "shared" | "allowZero"> {
  /** Shapes of one row of each input; not needed for models. */
  readonly inputs?: InputShapes;
  /** Values Y, Jacobians Z, or both, the default. */
  readonly results?: Results;
  /** A model's own width by default, else float32. */
  readonly dtype?: FloatType;
  /** The operator set, 17 (the default) to 22. */
  readonly opset?: number;
}

const rules: RulesFor<ToOnnxOptions> = {
  inputs: shapeRules.inputs,
  results: oneOf("both", "value", "jacobian"),
  opset: whole,
  ...rulesOf("wrt", "outputs", "mode", "effort", "shared", "allowZero", "dtype"),
};

/** The bytes of an ONNX model that computes f's values and its Jacobian for any number of rows. */
export function toOnnx(f: AnyFunction, options: ToOnnxOptions = {}): Uint8Array<ArrayBuffer> {
  if (typeof f !== "function")
    throw new UsageError("JR400", `toOnnx takes a function of one row or a loaded model, got ${describe(f)}`);
  checkOptions("toOnnx", rules, options);
  const model = isRowFunction(f) ? f : undefined;
  if (model === undefined && options.inputs === undefined)
    throw new UsageError(
      "JR430",
      "toOnnx needs the shape of a row of a function: toOnnx(f, { inputs: [3] })",
    );
  const signature = model
    ? modelSignature(model)
    : signatureOf(options.inputs, options.shared ?? [], { name: f.name, arity: f.length });
  const { program } = baseOf(f, signature, options);
  const { results = "both", mode = "auto", effort = "default", allowZero = false } = options;
  const wrt =
    results === "value" ? [] : chooseInputs(`toOnnx(${program.name})`, signature, options.wrt).inputs;
  if (!allowZero) checkPaths(program.name, program, wrt);
  return jacobianToOnnx(program, {
    results,
    request: { wrt, mode, effort, allowZero },
    dtype: options.dtype ?? (model && modelDtype(model)) ?? "f32",
    ...(options.opset !== undefined && { opset: options.opset }),
  });
}
