/**
 * The demo: row-wise Jacobians of two trained digit classifiers on 1797 real handwritten digits.
 *
 * In: `data/` (rows, labels, two ONNX models, float64 reference). Out: `out/` with Y and Z of each model and a picture.
 * Always: every result is checked against the reference; the exit code is 1 if one is off by more than 1e-5.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { npyToFloat } from "../../src/data/npy.ts";
import { readNpyFile } from "../../src/data/read-file.ts";
import { writeNpyFile } from "../../src/data/write-file.ts";
import { type NdArray, rows, valueAndJacobian } from "../../src/index.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { encodePng } from "../shared/png.ts";
import { type DigitExample, drawDigits } from "./picture.ts";

const MODELS = ["relu", "softplus"] as const;
const TOLERANCE = 1e-5;
const PER_CLASS = 2;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const X = npyToFloat(readNpyFile(here("data/X.npy")));
const labels = Array.from(readNpyFile(here("data/labels.npy")).data, Number);

interface Result {
  readonly Y: NdArray;
  readonly Z: NdArray;
  readonly errors: readonly number[];
}

/** Loads one model, runs it on all rows, and compares Y and the first rows of Z with the float64 reference. */
async function runModel(name: string): Promise<Result> {
  const J = rows(valueAndJacobian(await loadOnnx(here(`data/${name}.onnx`))));
  const first = await timed(() => J(X));
  const later = await timed(() => J(X));
  const [Y, Z] = later.result;
  const reference = (what: string): ArrayLike<number> =>
    readNpyFile(here(`data/${name}.${what}.npy`)).data as Float64Array;
  const errors = [relativeError(Y.data, reference("Y")), relativeError(Z.data, reference("Z64"))];
  console.log(`${name}.onnx: Y ${shapeOf(Y)} and Z ${shapeOf(Z)}`);
  console.log(
    `  first call ${first.ms.toFixed(1)} ms, compilation included; second call ${later.ms.toFixed(1)} ms`,
  );
  console.log(
    `  relative error against PyTorch in float64: Y ${show(errors[0])}, Z of the first 64 rows ${show(errors[1])}`,
  );
  return { Y, Z, errors };
}

async function timed<T>(action: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  const result = await action();
  return { result, ms: performance.now() - start };
}

/** max |a − b| / max |b| over the entries of `b`, which may be fewer. */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    const gap = Math.abs((a[i] ?? Number.NaN) - (b[i] as number));
    if (Number.isNaN(gap)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, gap);
    largest = Math.max(largest, Math.abs(b[i] as number));
  }
  return difference / largest;
}

function show(error: number | undefined): string {
  return (error ?? Number.NaN).toExponential(1);
}

function shapeOf(array: NdArray): string {
  return `(${array.shape.join(", ")})`;
}

/** The first digits of each class that both models recognise, with the Jacobian row of that class. */
function chooseExamples(results: readonly Result[]): DigitExample[] {
  const isRight = (i: number): boolean => results.every(({ Y }) => largestIndex(Y.row(i).data) === labels[i]);
  return Array.from({ length: 10 }, (_, digit) => {
    const chosen = labels.flatMap((label, i) => (label === digit && isRight(i) ? [i] : []));
    return chosen.slice(0, PER_CLASS).map((i) => ({
      label: digit,
      pixels: X.data.subarray(i * 64, (i + 1) * 64),
      slopes: results.map(({ Z }) => Z.row(i).row(digit).data),
    }));
  }).flat();
}

function largestIndex(values: ArrayLike<number>): number {
  return Array.from(values).reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);
}

/** Writes the arrays and the picture, and says where. */
function writeResults(results: readonly Result[]): void {
  mkdirSync(here("out"), { recursive: true });
  MODELS.forEach((name, m) => {
    const { Y, Z } = results[m] as Result;
    writeNpyFile(here(`out/${name}.Y.npy`), Y, { force: true });
    writeNpyFile(here(`out/${name}.Z.npy`), Z, { force: true });
  });
  const picture = drawDigits(chooseExamples(results), {
    title: "Which pixels speak for this digit?",
    subtitle: "Jacobian row of the digit's own class, ∂ logit / ∂ pixel, for two trained networks",
    models: ["ReLU", "softplus"],
  });
  writeFileSync(
    here("out/digits.png"),
    encodePng(picture, (bytes) => deflateSync(bytes)),
  );
  console.log(`wrote Y and Z of both models and digits.png to ${here("out")}`);
}

console.log(
  `${labels.length} handwritten digits of 8 × 8 pixels (UCI, CC BY 4.0), two networks 64-64-32-10 from PyTorch`,
);
console.log("Z[i, j, k] = ∂Y[i, j] / ∂X[i, k]: how logit j of digit i changes with pixel k\n");
const results: Result[] = [];
for (const name of MODELS) results.push(await runModel(name));
writeResults(results);
const worst = Math.max(...results.flatMap((result) => result.errors));
console.log(
  worst <= TOLERANCE
    ? `check passed: all within ${TOLERANCE}`
    : `check FAILED: ${show(worst)} > ${TOLERANCE}`,
);
process.exitCode = worst <= TOLERANCE ? 0 : 1;
