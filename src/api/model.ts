/**
 * What a loaded model tells of itself without a call: the width it computes in, and the signature of its inputs.
 */

import type { FloatType } from "../data/shape.ts";
import type { RowFunction } from "../trace/row-function.ts";
import type { Structure } from "../trace/structure.ts";
import type { InputSpec, Signature } from "../trace/trace.ts";

/** The model's width, if it says one. */
export function modelDtype(model: RowFunction): FloatType | undefined {
  const dtype = "dtype" in model ? model.dtype : undefined;
  return dtype === "f32" || dtype === "f64" ? dtype : undefined;
}

/** The model's inputs, named in one object. */
export function modelSignature({ program }: RowFunction): Signature {
  const inputs = program.inputs.map(
    ({ name, shape, level }): InputSpec => ({ name, shape, level: level === "row" ? level : "bound" }),
  );
  const entries = inputs.map(({ name }, index): [string, Structure] => [name, { kind: "leaf", index }]);
  return { inputs, structure: { kind: "array", items: [{ kind: "object", entries }] } };
}
