/**
 * ONNX's own node tests, when their archive lies beside the repository (or where JACROW_ONNX_NODE_TESTS says).
 *
 * Values of every case; Jacobians of small ones, of all with JACROW_CONFORMANCE=full. JACROW_CONFORMANCE set to anything
 * prints the table. Operators outside of the list below must not be refused, and nothing may fail.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { judge, readCases, table } from "./conformance.ts";

const archive =
  process.env["JACROW_ONNX_NODE_TESTS"] ??
  fileURLToPath(new URL("../../../shared/golden/onnx-node-tests.tar.gz", import.meta.url));
const mode = process.env["JACROW_CONFORMANCE"];

/** What jacrow does not import, and why. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/Adagrad|Momentum/, "optimizers: a training step is no model"],
  [
    /TreeEnsemble|Binarizer|Unique|Compress|DequantizeLinear/,
    "piecewise constant, of unknown size, or quantized",
  ],
  [
    /FlexAttention|LinearAttention|CausalConvWithState|TensorScatter/,
    "newer than opset 23 and not exported yet; their expanded forms pass",
  ],
  [/NegativeLogLikelihoodLoss|SoftmaxCrossEntropyLoss/, "training losses"],
  [
    /GridSample|AffineGrid|RoiAlign|DeformConv|MaxUnpool|Col2Im|CenterCropPad/,
    "image operators of the lowest priority",
  ],
  [/DFT|STFT|MelWeightMatrix|Det|CumProd|ReverseSequence/, "rare operators of the lowest priority"],
  [/MaxPool: its output Indices/, "indices of a pool feed MaxUnpool only"],
  [/Loop: its trip count must be known/, "a length that depends on the data"],
];

describe.skipIf(!existsSync(archive))("ONNX node tests (skipped where the archive is absent)", () => {
  test("nothing fails, and what is refused is refused for a reason", () => {
    const most = mode === "full" ? Number.POSITIVE_INFINITY : 300;
    const verdicts = readCases(archive).map((one) => judge(one, most));
    if (mode !== undefined) console.log(table(verdicts));
    const unexplained = verdicts.filter(
      ({ verdict, reason }) => verdict === "refused" && !refusals.some(([pattern]) => pattern.test(reason)),
    );
    expect(verdicts.filter(({ verdict }) => verdict === "failed")).toEqual([]);
    expect(unexplained).toEqual([]);
    expect(verdicts.filter(({ verdict }) => verdict === "passed").length).toBeGreaterThanOrEqual(460);
  }, 600_000);
});
