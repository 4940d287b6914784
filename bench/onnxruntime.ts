/**
 * `npm run bench:onnx`: Jacobians exported to ONNX, in onnxruntime-node and in jacrow, on one thread each.
 *
 * In: the golden models of the tests, their rows repeated. Out: per model the relative difference of Y and Z between the two, and the times. Always:
 * exit code 1 if a difference is above 1e-5. Needs `npm install` in this folder.
 */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jacobianProgram } from "../src/autodiff/index.ts";
import { readNpyFile } from "../src/data/read-file.ts";
import { range, sizeOf } from "../src/ir/shape.ts";
import { loadOnnx, type OnnxFunction, toOnnx } from "../src/onnx.ts";
import { compileKernel } from "../src/runtime/kernel.ts";

/** The parts of onnxruntime-node used here; the package is installed in bench/ only, so it has no types at the root. */
interface Ort {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => object;
}
interface Session {
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, object>>): Promise<Readonly<Record<string, { data: Float32Array }>>>;
}

const TOLERANCE = 1e-5;
const REPEATS = 10;
const root = fileURLToPath(new URL("../test/fixtures/onnx/", import.meta.url));

/** Both runtimes on the same rows. */
interface Row {
  readonly name: string;
  readonly n: number;
  readonly difference: number;
  readonly ort: number;
  readonly jacrow: number;
}

async function compare(ort: Ort, name: string): Promise<Row> {
  const model = await loadOnnx(`${root}${name}/model.onnx`);
  const n = Math.max(16, Math.min(1024, Math.floor(2e5 / cellsOf(model))));
  const rows = model.inputs.map(({ name: input, shape }) => {
    const file = model.inputs.length === 1 ? "X" : `X_${input}`;
    const { data } = readNpyFile(`${root}${name}/${file}.npy`);
    return Float32Array.from({ length: n * sizeOf(shape) }, (_, cell) => Number(data[cell % data.length]));
  });
  const session = await ort.InferenceSession.create(toOnnx(model, { dtype: "f32" }), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    model.inputs.map(({ name: input, shape }, index) => [
      input,
      new ort.Tensor("float32", rows[index] as Float32Array, [n, ...shape]),
    ]),
  );
  const program = jacobianProgram(model.program, { wrt: range(model.inputs.length), value: true });
  const kernel = await compileKernel(program, { device: "wasm", dtype: "f32", threads: 1 });
  const outs = kernel.runSync(rows, n);
  const theirs = await session.run(feeds);
  const differences = session.outputNames.map((output, index) =>
    relative(theirs[output]?.data ?? new Float32Array(), outs[index] as Float32Array),
  );
  return {
    name,
    n,
    difference: Math.max(...differences),
    ort: await fastest(() => session.run(feeds)),
    jacrow: await fastest(() => kernel.runSync(rows, n, outs)),
  };
}

/** Numbers of one row's Jacobians. */
function cellsOf({ inputs, outputs }: OnnxFunction): number {
  const total = (ports: readonly { shape: readonly number[] }[]): number =>
    ports.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return total(inputs) * total(outputs);
}

function relative(a: Float32Array, b: Float32Array): number {
  const gap = b.reduce((most, value, cell) => Math.max(most, Math.abs(value - (a[cell] ?? Number.NaN))), 0);
  return gap / b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Milliseconds of the fastest run. */
async function fastest(action: () => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (const _ of range(REPEATS)) {
    const start = performance.now();
    await action();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const packageName: string = "onnxruntime-node";
const ort = (await import(packageName)) as Ort;
const names = readdirSync(root).filter((name) => !name.startsWith("mixes_") && !name.includes("."));
console.log("model                          n  difference   onnxruntime     jacrow wasm");
let isFine = true;
for (const name of names) {
  const { n, difference, ort: theirs, jacrow } = await compare(ort, name);
  isFine &&= difference <= TOLERANCE;
  const times = `${theirs.toFixed(2).padStart(10)} ms ${jacrow.toFixed(2).padStart(12)} ms`;
  console.log(
    `${name.padEnd(26)} ${String(n).padStart(5)}  ${difference.toExponential(1).padStart(10)} ${times}`,
  );
}
process.exitCode = isFine ? 0 : 1;
