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
import { classes, type Priority } from "./priorities.ts";

const archive =
  process.env["JACROW_ONNX_NODE_TESTS"] ??
  fileURLToPath(new URL("../../../shared/golden/onnx-node-tests.tar.gz", import.meta.url));
const mode = process.env["JACROW_CONFORMANCE"];

/** What jacrow does not import, and why. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/Adagrad|Momentum/, "optimizers: a training step is no model"],
  [/TreeEnsemble/, "piecewise constant: its Jacobian is zero"],
  [/Unique/, "the size of its result depends on the data"],
  [/FlexAttention/, "a preview of opset 26 that no exporter writes; expanded it passes"],
  [/RoiAlign|DeformConv/, "image operators that no network of one row per image needs"],
  [/Loop: its trip count must be known/, "a length that depends on the data"],
];

/** What must pass of each class, in per cent. */
const least: Readonly<Record<Priority, number>> = { P0: 100, P1: 100, P2: 96, other: 80 };

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
    for (const own of classes) {
      const cases = verdicts.filter(({ priority }) => priority === own);
      const passed = cases.filter(({ verdict }) => verdict === "passed");
      expect(`${own}: ${(100 * passed.length) / cases.length >= least[own]}`).toBe(`${own}: true`);
    }
  }, 600_000);
});
