/**
 * `jacrow jacobian MODEL ROWS -o Z.npy`: the main job, from files to files.
 *
 * Rows are read, run and written in blocks, so memory does not grow with their number. Always: the files appear under their
 * names only when all are complete; an error or an interruption leaves none of them.
 */

import { setImmediate as breathe } from "node:timers/promises";
import { bytesText, twoDigits } from "../api/sizes.ts";
import { jacobianProgram } from "../autodiff/index.ts";
import type { FloatType } from "../data/shape.ts";
import { createNpy, type NpyWriter } from "../data/write-file.ts";
import { createNpz } from "../data/write-npz.ts";
import { UsageError } from "../errors.ts";
import { showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import type { Kernel } from "../runtime/kernel.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, fileStep } from "./exit.ts";
import { compile, type Job, openJob } from "./job.ts";
import { jsonText } from "./json.ts";
import {
  COMPUTE_OPTIONS,
  MODEL_OPTIONS,
  REPORT_OPTIONS,
  SELECTION_OPTIONS,
  SMOOTH_OPTION,
} from "./options.ts";
import { Pace } from "./pace.ts";
import { startProgress } from "./progress.ts";
import { jacobianPlaces, type Place, valuePlaces } from "./targets.ts";
import type { Terminal } from "./terminal.ts";

/** Rows of a block together take about this much, input and results. */
const BLOCK_BYTES = 32e6;
const MOST_ROW_BYTES = 1e9;

/** One array to write. */
interface Target extends Place {
  readonly kind: "value" | "jacobian";
  readonly output: string;
  readonly input?: string;
  readonly shape: readonly number[];
}

/** The command. */
export const jacobian: Command = {
  name: "jacobian",
  summary: "write the Jacobian of every row",
  usage: "MODEL ROWS... -o Z.npy [options]",
  about: `
Z has shape (n, d_o, d_i): Z[i, j, k] is the derivative of output j of row i by
input k of row i. With axes more than one, outputs come before inputs: (n, ...out, ...in).

MODEL is an .onnx file or file.js#name. ROWS is an .npy file of shape (n, d_i), or one
per input: x=rows_x.npy u=rows_u.npy. Then there is one result per input, Z_x.npy and
Z_u.npy; with several outputs Z_OUTPUT_INPUT.npy. -o out.npz holds them all, under
these names (Z, Z_x, Z_OUTPUT_INPUT), with --value out.npz also Y or Y_OUTPUT.`,
  options: [
    {
      name: "out",
      short: "o",
      placeholder: "FILE",
      help: "where Z goes, .npy or .npz; - is standard output",
    },
    { name: "value", placeholder: "FILE", help: "write the outputs themselves, Y, too" },
    { name: "rows", placeholder: "A:B", help: "rows A to B - 1 only, as Python slices: 0:100, -10:" },
    { name: "force", help: "overwrite files that exist" },
    SMOOTH_OPTION,
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS,
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS,
  ],
  examples: [
    {
      line: "jacrow jacobian net.onnx rows.npy -o Z.npy --value Y.npy",
      shows: "Z of shape (n, d_o, d_i) and Y of shape (n, d_o)",
    },
    {
      line: "jacrow jacobian net.onnx rows.npy -o Z7.npy --outputs 7",
      shows: "one class only: Z of shape (n, 1, d_i)",
    },
    {
      line: "jacrow jacobian dynamics.onnx x=x.npy u=u.npy -o Z.npy",
      shows: "A = Z_x.npy and B = Z_u.npy, linearised at every row",
    },
    {
      line: "jacrow jacobian dynamics.onnx x=x.npy u=u.npy -o AB.npz --value AB.npz",
      shows: "arrays Y, Z_x and Z_u in one file",
    },
    {
      line: "jacrow jacobian arm.js#arm angles.npy -o -  | python plot.py",
      shows: "a function of your own module, into a pipe",
    },
  ],
  words: { least: 2, most: 64 },
  run: runJacobian,
};

async function runJacobian(args: Arguments, terminal: Terminal): Promise<number> {
  const out = args.text("out");
  if (out === undefined)
    throw new UsageError("JR603", "say where the result goes: -o Z.npy, or -o - for standard output");
  requireOneStream(out, args);
  const job = await openJob(args);
  try {
    return await write(job, { args, out, terminal });
  } finally {
    job.rows.close();
  }
}

function requireOneStream(out: string, args: Arguments): void {
  const users = [
    out === "-" && "-o -",
    args.text("value") === "-" && "--value -",
    args.flag("json") && "--json",
  ];
  const given = users.filter((user) => user !== false);
  if (given.length > 1) {
    throw new UsageError("JR609", `${given.join(" and ")} all want standard output; write to a file instead`);
  }
}

interface Request {
  readonly args: Arguments;
  readonly out: string;
  readonly terminal: Terminal;
}

async function write(job: Job, { args, out, terminal }: Request): Promise<number> {
  const { rows, program, request, compute } = job;
  const valueFile = args.text("value");
  const plan = jacobianProgram(program, { ...request, value: valueFile !== undefined });
  const targets = targetsOf(job, plan, { out, valueFile });
  requireFit(targets, bytesOf(job, 1));
  const start = performance.now();
  const writers = await openWriters(targets, job, args.flag("force"));
  try {
    const kernel = await compile(plan, compute);
    const progress = startProgress(terminal, rows.n, args.flag("quiet"));
    try {
      await stream(job, { kernel, writers, progress });
    } finally {
      progress.end();
      kernel.dispose();
    }
    for (const writer of writers) await fileStep(() => writer.close());
    report(job, { args, terminal, targets, kernel, seconds: (performance.now() - start) / 1000 });
    return EXIT.ok;
  } catch (error) {
    for (const writer of writers) writer.abort();
    throw error;
  }
}

/** Reads, runs and writes block by block; the results' arrays are used again. */
async function stream(
  { rows }: Job,
  {
    kernel,
    writers,
    progress,
  }: { kernel: Kernel; writers: readonly NpyWriter[]; progress: { update(done: number): void } },
): Promise<void> {
  const { outputs } = kernel.program;
  const cells = outputs.map(({ value }) => sizeOf(value.shape));
  const perRow = (rows.cellsPerRow + cells.reduce((sum, size) => sum + size, 0)) * 8;
  const pace = new Pace(Math.max(1, Math.min(rows.n, Math.floor(BLOCK_BYTES / perRow))));
  const make = (length: number) =>
    rows.dtype === "f32" ? new Float32Array(length) : new Float64Array(length);
  const whole = cells.map((width) => make(width * pace.most));
  for await (const { start, end, data } of rows.blocks(() => pace.size)) {
    const outs = whole.map((array, index) => array.subarray(0, (cells[index] as number) * (end - start)));
    const results = await kernel.run(data, end - start, outs);
    for (const [index, writer] of writers.entries())
      await fileStep(() => writer.write(results[index] as Float32Array));
    progress.update(end - rows.range.start);
    pace.step();
    await breathe(); // signals are heard between blocks
  }
}

function targetsOf(
  { rows, program, wrt }: Job,
  plan: Program,
  { out, valueFile }: { out: string; valueFile: string | undefined },
): Target[] {
  const outputs = program.outputs.map(({ name }) => name);
  const inputs = wrt.map((index) => program.inputs[index]?.name ?? "");
  const values = valueFile === undefined ? [] : valuePlaces(valueFile, outputs);
  const places = [...values, ...jacobianPlaces(out, outputs, inputs)];
  return places.map((place, index): Target => {
    const pair = index - values.length;
    const shape = [rows.n, ...(plan.outputs[index]?.value.shape ?? [])];
    if (pair < 0) return { ...place, kind: "value", output: outputs[index] ?? "", shape };
    const output = outputs[Math.floor(pair / inputs.length)] ?? "";
    return { ...place, kind: "jacobian", output, input: inputs[pair % inputs.length] ?? "", shape };
  });
}

function bytesOf({ rows }: Job, count: number): number {
  return count * (rows.dtype === "f32" ? 4 : 8);
}

/** A single row must fit, and no two results may share a file. */
function requireFit(targets: readonly Target[], bytesPerNumber: number): void {
  const isSame = (a: Place, b: Place): boolean => a.path === b.path && a.key === b.key;
  const doubled = targets.find((target, index) => targets.findIndex((one) => isSame(one, target)) !== index);
  if (doubled !== undefined)
    throw new UsageError("JR609", `two results would go to ${doubled.path}; name another file`);
  for (const { shape, kind } of targets) {
    const bytes = sizeOf(shape.slice(1)) * bytesPerNumber;
    if (bytes <= MOST_ROW_BYTES) continue;
    const what = kind === "value" ? "Y" : "Z";
    throw new UsageError(
      "JR410",
      `${what} would be ${bytesText(bytes)} per row; for one class use --outputs I`,
    );
  }
}

/** Opens all files before the first row is read; if one cannot be made, none is. */
async function openWriters(targets: readonly Target[], { rows }: Job, force: boolean): Promise<NpyWriter[]> {
  const writers: NpyWriter[] = [];
  try {
    for (const path of new Set(targets.map((target) => target.path))) {
      const own = targets.filter((target) => target.path === path);
      writers.push(...(await fileStep(() => openFile(path, own, { dtype: rows.dtype, force }))));
    }
    return writers;
  } catch (error) {
    for (const writer of writers) writer.abort();
    throw error;
  }
}

function openFile(
  path: string,
  arrays: readonly Target[],
  how: { dtype: FloatType; force: boolean },
): NpyWriter[] {
  if (!arrays.some(({ key }) => key !== undefined))
    return arrays.map(({ shape }) => createNpy(path, { ...how, shape }));
  return createNpz(path, { ...how, arrays: new Map(arrays.map(({ key = "", shape }) => [key, shape])) });
}

interface Outcome {
  readonly args: Arguments;
  readonly terminal: Terminal;
  readonly targets: readonly Target[];
  readonly kernel: Kernel;
  readonly seconds: number;
}

function report(job: Job, { args, terminal, targets, kernel, seconds }: Outcome): void {
  const { rows, model, compute } = job;
  const { device, threads, notes: kept = [] } = kernel.info;
  const dtype = rows.dtype === "f32" ? "float32" : "float64";
  const notes = [...rows.notes, ...(args.text("threads") === undefined ? [] : kept)];
  const files = targets.map((target) => ({ ...target, dtype, bytes: bytesOf(job, sizeOf(target.shape)) }));
  if (args.flag("json")) {
    const { start, end } = rows.range;
    const how = { dtype, device, threads, mode: compute.mode };
    terminal.out(
      jsonText({
        command: "jacobian",
        model: model.name,
        rows: { start, end },
        ...how,
        files,
        seconds,
        notes,
      }),
    );
  }
  if (args.flag("quiet")) return;
  for (const note of notes) terminal.err(`note: ${note}\n`);
  for (const { path, key, shape, bytes } of files) {
    const name = path === "-" ? "standard output" : key === undefined ? path : `${path}, ${key}`;
    terminal.err(`${name}: ${showShape(shape)} ${dtype}, ${bytesText(bytes)}\n`);
  }
  terminal.err(`${rows.n} rows in ${twoDigits(seconds)} s\n`);
}
