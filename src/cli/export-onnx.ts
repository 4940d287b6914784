/** The ONNX format of `jacrow export`: options in, bytes out. */

import { jacobianToOnnx } from "../onnx/export/jacobian.ts";
import { checkPaths } from "../trace/transforms.ts";
import type { Arguments } from "./command.ts";
import type { Subject } from "./job.ts";

/** The bytes of the model. */
export function onnxBytes({ program, request, compute }: Subject, args: Arguments): Uint8Array {
  const results = args.choice("results", ["both", "value", "jacobian"]) ?? "both";
  const opset = args.count("opset");
  if (results !== "value" && request.allowZero !== true) checkPaths(program.name, program, request.wrt);
  return jacobianToOnnx(program, {
    results,
    request,
    dtype: compute.dtype,
    ...(opset !== undefined && { opset }),
  });
}
