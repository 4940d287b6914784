/**
 * `jacrow check MODEL ROWS`: is the Jacobian right? Compares it with float64 central differences of the values.
 *
 * The Jacobian is computed as `jacrow jacobian` would; the differences by the float64 interpreter, which shares no generated
 * code with it. Always: exit code 1 when they differ, with the row and the entry.
 */

import { type CheckReport, reportOf } from "../api/check.ts";
import { type Comparison, compareRow } from "../api/differences.ts";
import { widthName } from "../api/explain.ts";
import type { KinkReport } from "../api/kinks.ts";
import { expandJacobians, jacobianProgram } from "../autodiff/index.ts";
import { prepared } from "../runtime/prepare.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT } from "./exit.ts";
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
differences) have no derivative to compare with, and those below the rounding of the
differences cannot be told; both are counted, and do not fail.

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
    const report = await compareAll(job, { args, terminal, tolerance });
    const quiet = args.flag("quiet");
    const kinks = epsilon === undefined ? undefined : await searchKinks(job, { epsilon, terminal, quiet });
    return reported(job, report, { args, terminal, tolerance, kinks });
  } finally {
    job.rows.close();
  }
}

/** Compares the sampled rows one by one. */
async function compareAll(
  job: Job,
  { args, terminal, tolerance }: Omit<Reporting, "kinks">,
): Promise<CheckReport> {
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
  return reportOf(job.model.name, found, { rows: samples.length, tolerance });
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
  { rows, model, compute }: Job,
  { message, ...report }: CheckReport,
  { args, terminal, tolerance, kinks }: Reporting,
): number {
  if (args.flag("json")) {
    const facts = {
      command: "check",
      model: model.name,
      dtype: widthName(compute.dtype),
      tolerance,
      ...report,
    };
    terminal.out(jsonText({ ...facts, ...(kinks && { kinksNear: kinks }), notes: rows.notes }));
  } else if (!report.ok || !args.flag("quiet")) {
    terminal.out(`${message}\n${kinks === undefined ? "" : kinksText(kinks)}`);
  }
  if (!args.flag("quiet")) for (const note of rows.notes) terminal.err(`note: ${note}\n`);
  return report.ok ? EXIT.ok : EXIT.checkFailed;
}
