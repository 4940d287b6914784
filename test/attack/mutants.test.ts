/** Damaged models and data files: each is read or refused in words, fast and in little memory. */

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { range } from "../../src/ir/shape.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { model } from "../onnx/encode.ts";
import { allocated } from "./allocated.ts";
import { seedsIn, tryMutant } from "./mutants.ts";

/** `npx tsx scripts/mutate.ts 100000` reads more of them; the count is small here. */
const COUNT = 500;
/** Files that were faults once. */
const known = [622, 765, 78074, 125981, 686419, 968495, 1009152];

test("damaged files are read or refused", async () => {
  const folder = join(tmpdir(), `jacrow-mutants-${process.pid}`);
  const seeds = seedsIn(folder);
  const taken = { read: 0, refused: 0, fault: 0 };
  try {
    for (const number of [...known, ...range(COUNT)]) {
      const outcome = await tryMutant(seeds, number);
      taken[outcome.taken]++;
      expect(outcome.taken === "fault" ? outcome : undefined).toBeUndefined();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(Math.min(taken.read, taken.refused)).toBeGreaterThan(COUNT / 5);
}, 60_000);

test("the harness sees what it looks for", async () => {
  expect((await allocated(() => new Float64Array(2 ** 20))).bytes).toBe(2 ** 23);
  expect((await allocated(() => new Float64Array(new ArrayBuffer(8)))).bytes).toBe(8);
  expect((await allocated(() => Promise.reject(new TypeError("x")))).error).toBeInstanceOf(TypeError);
});

test("a cache and an update of different ranks", async () => {
  const cache = { inputs: { x: ["n", 2, 3], u: ["n"] }, outputs: ["y"], opset: 24 };
  const nodes = [["TensorScatter", ["x", "u"], ["y"]] as const];
  await expect(loadOnnx(model({ ...cache, nodes }))).rejects.toThrow(/different ranks/);
});

test("a concatenation of nothing, and two outputs of one name", async () => {
  const base = { inputs: { x: ["n", 2] }, outputs: ["y"] };
  await expect(loadOnnx(model({ ...base, nodes: [["Concat", [], ["y"], { axis: 0 }]] }))).rejects.toThrow(
    "no parts",
  );
  const twice = { ...base, outputs: ["y", "y"], nodes: [["Exp", ["x"], ["y"]] as const] };
  await expect(loadOnnx(model(twice))).rejects.toThrow(/an output of the model is named "y"/);
});
