/**
 * Measures the import of large models: `npx tsx scripts/large-models.ts`.
 *
 * In: nothing; files are made in the temporary folder and removed. Out: for a model of 100 MB the time beyond reading the file and
 * the peak of memory over the file's size; for weights beyond 2 GB, in another file (sparse) and in the model itself, the same
 * and whether they arrive. Always: each measurement runs in a process of its own; exit code 1 if a number is wrong.
 */

import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { evaluateProgram } from "../src/ir/evaluate.ts";
import { range } from "../src/ir/shape.ts";
import { encodeMessage, type Plain } from "../src/onnx/export/encode.ts";
import { loadOnnx } from "../src/onnx.ts";

const BEYOND = 2 ** 31 + 4096;
const CHUNK = 2 ** 30;

/** What a process did: milliseconds, its largest memory, and the model's value at (1, 2) where it has two inputs. */
interface Report {
  readonly milliseconds: number;
  readonly peak: number;
  readonly y?: readonly number[];
}

const port = (name: string, cells: number): Plain => ({
  name,
  type: { tensor: { element: 1, shape: { dims: [{ symbol: "n" }, { value: cells }] } } },
});

/** y = x W₀ W₁ …; the first `unread` tensors are weights that nothing reads. */
function chain(weights: readonly Plain[], cells: number, unread = 0): Uint8Array {
  const used = weights.slice(unread);
  const nodes = used.map(({ name }, k) => ({
    operator: "MatMul",
    inputs: [k === 0 ? "x" : `h${k}`, name],
    outputs: [k === used.length - 1 ? "y" : `h${k + 1}`],
  }));
  const graph = { nodes, initializers: weights, inputs: [port("x", cells)], outputs: [port("y", cells)] };
  return encodeMessage("Model", { irVersion: 8, graph, operatorSets: [{ version: 17 }] });
}

/** size × size with `scale` on the diagonal. */
function diagonal(size: number, scale: number): Uint8Array {
  const cells = Float32Array.from({ length: size * size }, (_, k) => (k % (size + 1) === 0 ? scale : 0));
  return new Uint8Array(cells.buffer);
}

/** Writes bytes at an offset; what lies before is a hole. */
function write(path: string, bytes: Uint8Array, offset = 0): void {
  const file = openSync(path, "w");
  ftruncateSync(file, offset + bytes.length);
  for (let at = 0; at < bytes.length; )
    at += writeSync(file, bytes, at, Math.min(CHUNK, bytes.length - at), offset + at);
  closeSync(file);
}

const makers: Readonly<Record<string, (folder: string) => Uint8Array>> = {
  "100 MB": () => {
    const raw = diagonal(1250, 1);
    return chain(
      range(16).map((k) => ({ name: `w${k}`, dims: [1250, 1250], type: 1, raw })),
      1250,
    );
  },
  "beyond 2 GB of another file": (folder) => {
    write(join(folder, "weights.bin"), diagonal(2, 3), BEYOND);
    const entries = { location: "weights.bin", offset: String(BEYOND), length: "16" };
    const external = Object.entries(entries).map(([key, value]) => ({ key, value }));
    return chain([{ name: "w", dims: [2, 2], type: 1, location: 1, external }], 2);
  },
  "beyond 2 GB of the model": () => {
    const ballast = { name: "ballast", dims: [BEYOND], type: 2, raw: new Uint8Array(BEYOND) };
    return chain([ballast, { name: "w", dims: [2, 2], type: 1, raw: diagonal(2, 5) }], 2, 1);
  },
};

const tasks: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  make: async (path) => {
    const [folder, name] = path.split("\n") as [string, string];
    write(join(folder, "model.onnx"), (makers[name] as (folder: string) => Uint8Array)(folder));
  },
  nothing: async () => undefined,
  read: async (path) => {
    const bytes = new Uint8Array(statSync(path).size);
    const file = openSync(path, "r");
    for (let at = 0; at < bytes.length; )
      at += readSync(file, bytes, at, Math.min(CHUNK, bytes.length - at), at);
    closeSync(file);
  },
  load: async (path) => {
    const { program } = await loadOnnx(path);
    if (program.inputs[0]?.shape[0] !== 2) return undefined;
    return Array.from(evaluateProgram(program, [{ data: Float64Array.of(1, 2), shape: [2] }])[0]?.data ?? []);
  },
};

function inProcess(task: string, path: string): Report {
  const script = fileURLToPath(import.meta.url);
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, script, task, path], {
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(`${task} ${path} said nothing but ${stderr}`);
  return JSON.parse(stdout) as Report;
}

/** One model: made, read and loaded, each in a process of its own; true if its value is right. */
function measured(name: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-large-"));
  const path = join(folder, "model.onnx");
  try {
    inProcess("make", `${folder}\n${name}`);
    const [idle, read, load] = ["nothing", "read", "load"].map((task) => inProcess(task, path)) as [
      Report,
      Report,
      Report,
    ];
    const size = statSync(path).size;
    const [more, memory] = [load.milliseconds - read.milliseconds, load.peak - idle.peak];
    const share = size > 1e6 ? `${(memory / size).toFixed(2)} of the file` : `${(memory / 1e6).toFixed()} MB`;
    console.log(
      `${name}: ${(size / 1e6).toFixed()} MB, ${more.toFixed()} ms beyond reading, memory ${share}, y ${load.y ?? "-"}`,
    );
    return load.y === undefined || load.y[1] === 2 * (load.y[0] as number);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [task, path] = process.argv.slice(2);
if (task === undefined || path === undefined) {
  process.exitCode = Object.keys(makers).map(measured).every(Boolean) ? 0 : 1;
} else {
  const start = performance.now();
  const y = await tasks[task]?.(path);
  const milliseconds = performance.now() - start;
  console.log(JSON.stringify({ milliseconds, peak: 1024 * process.resourceUsage().maxRSS, y }));
}
