/**
 * `jacrow/onnx`: networks exported from PyTorch, Keras, JAX or scikit-learn as functions of one row, and functions as ONNX.
 *
 * In: a path, URL or bytes. Out: a row function, accepted by `jacrow` and callable inside traced functions.
 * Always: the rows of the model are proven not to depend on each other, or the node that mixes them is named.
 */

import type { Program } from "./ir/types.ts";
import { checkRows } from "./onnx/check.ts";
import { loadFile, type ModelSource } from "./onnx/files.ts";
import { type ImportOptions, importModel, type Port } from "./onnx/import.ts";
import type { BatchAxisOption } from "./onnx/inputs.ts";
import { readModel } from "./onnx/model.ts";
import { alignWeights } from "./onnx/tensor.ts";
import type { Operand } from "./trace/operand.ts";
import { object, type RulesFor, text, whole } from "./trace/option-rules.ts";
import { checkOptions } from "./trace/options.ts";
import { type RowFunction, rowFunction } from "./trace/row-function.ts";
import type { Tensor } from "./trace/shapes.ts";

export { type ToOnnxOptions, toOnnx } from "./api/to-onnx.ts";
export type { ModelSource } from "./onnx/files.ts";
export type { Port } from "./onnx/import.ts";
export type { BatchAxisOption } from "./onnx/inputs.ts";

/** What a person may say about a model. */
export interface LoadOptions {
  /** The axis that holds the rows, for all inputs or by input name; `null`: the whole input is one row. */
  readonly batchAxis?: BatchAxisOption;
  /** Names of the outputs (or of values inside the model) to import in place of all outputs. */
  readonly outputs?: readonly string[];
  /** Sizes of symbolic axes other than the batch, by symbol or as `input:axis`. */
  readonly sizes?: Readonly<Record<string, number>>;
}

const rules: RulesFor<LoadOptions> = {
  batchAxis: {
    accepts: "an axis, null, or { input: axis }",
    test: (axis) => axis === null || whole.test(axis) || object.test(axis),
  },
  outputs: { accepts: "an array of names", test: (list) => Array.isArray(list) && list.every(text.test) },
  sizes: { accepts: "{ axis: size }", test: object.test },
};

type Argument = Operand | Readonly<Record<string, Operand>>;

/** An imported network: call it with the values of one row, or give it to `jacrow`. */
export interface OnnxFunction extends RowFunction {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly program: Program;
  /** False for a model of one literal row, which is called once per row and needs no proof. */
  readonly proven: boolean;
  /** The width the model computes in: `f64` if it has float64 inputs or outputs. */
  readonly dtype: "f32" | "f64";
}

/** Loads an ONNX model as a function of one row. Throws if rows mix, an operator is missing or the file is not whole. */
export async function loadOnnx(source: ModelSource, options: LoadOptions = {}): Promise<OnnxFunction> {
  checkOptions("loadOnnx", rules, options);
  const { bytes, what, external } = await loadFile(source);
  const model = readModel(bytes, what);
  alignWeights(model.graph);
  return onnxFunction(model, { ...options, what, external });
}

function onnxFunction(model: Parameters<typeof importModel>[0], options: ImportOptions): OnnxFunction {
  const imported = importModel(model, options);
  checkRows(model, imported, options);
  const { program, inputs, outputs, dtype, proven } = imported;
  const traced = rowFunction(program);
  const call = (...args: readonly Argument[]): Tensor => traced(...args);
  const named = Object.defineProperty(call, "name", { value: program.name });
  return Object.freeze(Object.assign(named, { inputs, outputs, program, dtype, proven }));
}
