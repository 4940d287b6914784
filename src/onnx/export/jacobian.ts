/**
 * A function's values, its Jacobian, or both, as one ONNX model.
 *
 * In: the program of the values. Out: the bytes of a model with outputs Y (n, …out) and Z (n, …out, …in); with several
 * outputs or inputs Y_out and Z_out_in, parts that are alone left out. Always: the Jacobian is multiplied out in the planned order.
 */

import { type JacobianRequest, jacobianProgram } from "../../autodiff/index.ts";
import { at } from "../../ir/shape.ts";
import type { Program } from "../../ir/types.ts";
import { programToOnnx, type WriteOptions } from "./program.ts";

/** What a model gives: values, Jacobians, or both from one pass. */
export type Results = "value" | "jacobian" | "both";

/** How to write a function and its Jacobian. */
export interface JacobianModelOptions extends Pick<WriteOptions, "dtype" | "opset"> {
  readonly results: Results;
  readonly request: Omit<JacobianRequest, "value" | "format">;
}

/** The bytes of the model. */
export function jacobianToOnnx(program: Program, options: JacobianModelOptions): Uint8Array<ArrayBuffer> {
  const { results, request, dtype, opset } = options;
  const how = { dtype, ...(opset !== undefined && { opset }) };
  const chosen = request.outputs ?? program.outputs.map((_, index) => index);
  const outputs = chosen.map((index) => at(program.outputs, index).name);
  const inputs = program.inputs.map(({ name }) => name);
  const values = named("Y", [outputs]);
  if (results === "value") {
    const only = { ...program, outputs: chosen.map((index) => at(program.outputs, index)) };
    return programToOnnx(only, { ...how, outputNames: apart(values, inputs) });
  }
  const jacobians = named("Z", [outputs, request.wrt.map((index) => at(inputs, index))]);
  const both = results === "both";
  return programToOnnx(jacobianProgram(program, { ...request, value: both }), {
    ...how,
    derivatives: true,
    outputNames: apart([...(both ? values : []), ...jacobians], inputs),
  });
}

/** One name per combination; lists of one name add nothing to it. */
function named(letter: string, lists: readonly (readonly string[])[]): string[] {
  return lists.reduce<string[]>(
    (names, list) =>
      list.length === 1 ? names : names.flatMap((name) => list.map((word) => `${name}_${word}`)),
    [letter],
  );
}

/** Names that differ from the inputs' and from each other. */
function apart(names: readonly string[], taken: readonly string[]): string[] {
  const seen = new Set(taken);
  return names.map((name) => {
    let own = name;
    while (seen.has(own)) own += "_";
    seen.add(own);
    return own;
  });
}
