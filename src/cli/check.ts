/**
 * `jacrow check MODEL ROWS`: is the Jacobian right? Compares it with float64 central differences of the values.
 *
 * The Jacobian is computed as `jacrow jacobian` would; the differences by the float64 interpreter, which shares no generated
 * code with it. Always: exit code 1 when they differ, with the row and the entry.
 */

import type { KinkReport } from "../api/kinks.ts";
import { expandJacobians, jacobianProgram } from "../autodiff/index.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { prepared } from "../runtime/prepare.ts";
import type { Arguments, Command } from "./command.ts";
import { type Comparison, compareRow } from "./differences.ts";
import { EXIT } from "./exit.ts";
import { widthOf } from "./explanation.ts";
import { compile, type Job, openJob } from "./job.ts";
import { jsonText } from "./json.ts";
import { kinksText, searchKinks } from "./kinks.ts";
import {
  COMPUTE_OPTIONS,
  MODEL_OPTIONS,
  REPORT_OPTIONS,
  SELECTION_OPTIONS,
  SMOOTH_OPTION,
} from "./options.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** What float32 arithmetic and differences in float64 leave, relative to the largest entry. */
const TOLERANCE = { f32: 1e-3, f64: 1e-6 } as const;
const SAMPLES = 16;

/** The command. */
export const check: Command = {
  name: "check",
  summary: "compare the Jacobian with finite differences",
  usage: "MODEL ROWS... [options]",
  about: `
Takes some rows, spread evenly, and compares every entry of their Jacobian with
central differences of the values in float64. The error is max |Z - D| / max |D| per
row and pair of output and input. Entries at a kink (a ReLU within the step of the
differences) have no derivative to compare with; they are counted, and do not fail.

Ends with exit code 1 if the error is above the tolerance, saying where.`,
  options: [
    { name: "samples", placeholder: "N", help: `how many rows to check (${SAMPLES})` },
    {
      name: "tolerance",
      placeholder: "T",
      help: `largest accepted error (${TOLERANCE.f32} in float32, ${TOLERANCE.f64} in float64)`,
    },
    {
      name: "kinks",
      placeholder: "EPS",
      help: "also list the rows, of all, within EPS of a jump of the\nJacobian, and the unit that causes it",
    },
    { name: "rows", placeholder: "A:B", help: "take the rows from this range" },
    SMOOTH_OPTION,
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS,
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS,
  ],
  examples: [
    { line: "jacrow check net.onnx rows.npy", shows: "16 rows, in the model's own width" },
    { line: "jacrow check net.onnx rows.npy --dtype f64 --samples 100", shows: "more rows, more digits" },
    { line: "jacrow check relu.onnx rows.npy --kinks 1e-4", shows: "rows where a ReLU is about to switch" },
  ],
  words: { least: 2, most: 64 },
  run: runCheck,
};

async function runCheck(args: Arguments, terminal: Terminal): Promise<number> {
  const job = await openJob(args);
  try {
    const tolerance = args.number("tolerance") ?? TOLERANCE[job.compute.dtype];
    const epsilon = args.number("kinks");
    const found = await compareAll(job, { args, terminal, tolerance });
    const quiet = args.flag("quiet");
    const kinks = epsilon === undefined ? undefined : await searchKinks(job, { epsilon, terminal, quiet });
    return reported(job, found, { args, terminal, tolerance, kinks });
  } finally {
    job.rows.close();
  }
}

/** Compares the sampled rows one by one. */
async function compareAll(
  job: Job,
  { args, terminal, tolerance }: Omit<Reporting, "kinks">,
): Promise<Comparison[]> {
  const { rows, program, wrt, request, compute } = job;
  const plan = jacobianProgram(program, request);
  const values = prepared(expandJacobians(program));
  const kernel = await compile(plan, { ...compute, threads: 1 });
  const samples = sampled(job, args.count("samples") ?? SAMPLES);
  const progress = startProgress(terminal, samples.length, args.flag("quiet"));
  const found: Comparison[] = [];
  try {
    for (const [done, row] of samples.entries()) {
      const inputs = await rows.read({ start: row, end: row + 1 });
      const jacobians = await kernel.run(inputs, 1);
      found.push(...compareRow(values, wrt, { tolerance, row, inputs, jacobians }));
      progress.update(done + 1);
    }
  } finally {
    progress.end();
    kernel.dispose();
  }
  return found;
}

/** Row numbers spread evenly over the range, first and last included. */
function sampled({ rows }: Job, most: number): number[] {
  const count = Math.min(most, rows.n);
  const spread = (index: number): number =>
    count < 2 ? 0 : Math.round((index * (rows.n - 1)) / (count - 1));
  return Array.from({ length: count }, (_, index) => rows.range.start + spread(index));
}

interface Reporting {
  readonly args: Arguments;
  readonly terminal: Terminal;
  readonly tolerance: number;
  readonly kinks: KinkReport | undefined;
}

function reported(
  job: Job,
  found: readonly Comparison[],
  { args, terminal, tolerance, kinks: near }: Reporting,
): number {
  const { rows, model, program, compute } = job;
  const ranked = found.map((one) => ({ ...one, error: errorOf(one) })).sort((a, b) => b.error - a.error);
  const [worst] = ranked;
  const ok = worst === undefined || worst.error <= tolerance;
  const kinks = found.reduce((sum, one) => sum + one.kinks, 0);
  const checked = new Set(found.map(({ row }) => row)).size;
  const place = worst && { ...worst, worst: undefined, index: indexOf(program, worst), ...worst.worst };
  if (args.flag("json")) {
    const result = {
      ok,
      rows: checked,
      kinks,
      tolerance,
      relativeError: worst?.error ?? 0,
      worst: place,
      ...(near && { kinksNear: near }),
    };
    terminal.out(
      jsonText({
        command: "check",
        model: model.name,
        dtype: widthOf(compute),
        ...result,
        notes: rows.notes,
      }),
    );
  } else if (!ok || !args.flag("quiet")) {
    const verdict = ok ? "agrees with" : "DIFFERS from";
    const numbers = `relative error ${(worst?.error ?? 0).toExponential(1)}, tolerance ${tolerance.toExponential(0)}`;
    const aside =
      kinks === 0 ? "" : `; ${kinks} entries left out, where one-sided differences disagree (kinks)`;
    terminal.out(
      `${model.name}: the Jacobian ${verdict} central differences: ${numbers}, ${checked} rows checked${aside}\n`,
    );
    if (!ok && place !== undefined) terminal.out(`  ${placeText(place)}\n`);
    if (near !== undefined) terminal.out(kinksText(near));
  }
  if (!args.flag("quiet")) for (const note of rows.notes) terminal.err(`note: ${note}\n`);
  return ok ? EXIT.ok : EXIT.checkFailed;
}

/** The gap relative to the pair's largest entry; absolute where all are zero. */
function errorOf({ worst, scale }: Comparison): number {
  return scale > 0 ? worst.gap / scale : worst.gap;
}

/** The entry's index in (…out, …in). */
function indexOf(program: Program, { output, input, worst }: Comparison): number[] {
  const out = at(
    program.outputs.filter(({ name }) => name === output),
    0,
  ).value.shape;
  const inside = at(
    program.inputs.filter(({ name }) => name === input),
    0,
  ).shape;
  const shape = [...out, ...inside];
  return shape.map((size, axis) => Math.floor(worst.entry / sizeOf(shape.slice(axis + 1))) % size);
}

function placeText(place: {
  row: number;
  output: string;
  input: string;
  index: readonly number[];
  jacobian: number;
  differences: number;
}): string {
  const { row, output, input, index, jacobian, differences } = place;
  return `worst at row ${row}, ∂${output}/∂${input} at ${showShape(index)}: Jacobian ${jacobian}, differences ${differences}`;
}
