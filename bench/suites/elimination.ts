/**
 * The elimination suite: multiplications by order and by both rules of counting, operations of the emitted loops, planning time,
 * and nanoseconds per row of the scalar tasks on every device asked for (value and Jacobian, f64, one thread), with JAX and CasADi where a Python is given.
 * Long formulas: how long planning takes.
 */

import { markowitzProgram, orderCosts, problemOf, writtenProblem } from "../../src/autodiff/elimination.ts";
import { type Effort, type Mode, planJacobian } from "../../src/autodiff/index.ts";
import { paperPrices, realPrices } from "../../src/autodiff/scalar-graph.ts";
import type { Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { compileKernelSync } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { timeSync } from "../measure.ts";
import { eliminationPeers } from "../peers/elimination.ts";
import type { Report, Series } from "../report.ts";
import type { Settings } from "../settings.ts";
import { bundleAdjustment, bundleExample } from "../tasks/bundle-adjustment.ts";
import { type EliminationTask, eliminationTasks, programOfTask, writtenGraph } from "../tasks/elimination.ts";
import { longFormula } from "../tasks/long-formula.ts";

const ROWS = 100_000;

/** Scalars of the long formulas. */
const LENGTHS = [1000, 10_000];

interface Subject {
  readonly name: string;
  /** The program of value and Jacobian. */
  readonly plan: (program: Program) => Program | undefined;
}

const by =
  (mode: Mode, effort: Effort) =>
  (program: Program): Program =>
    planJacobian(program, { wrt: [0], mode, effort, value: true }).program;

const SUBJECTS: readonly Subject[] = [
  { name: "forward", plan: by("forward", "quick") },
  { name: "reverse", plan: by("reverse", "quick") },
  { name: "markowitz", plan: markowitzProgram },
  { name: "quick", plan: by("auto", "quick") },
  { name: "default", plan: by("auto", "default") },
  { name: "thorough", plan: by("auto", "thorough") },
];

/** Runs the suite. */
export async function elimination(report: Report, settings: Settings): Promise<void> {
  const wanted = (name: string): boolean => settings.workloads?.includes(name) ?? true;
  for (const task of eliminationTasks.filter(({ name }) => wanted(name))) {
    countOrders(report, task);
    const rows = rowsAround(task.point);
    const Z = timeOrders({ report, settings }, programOfTask(task), [rows]);
    for (const { subject, metrics } of settings.python === undefined
      ? []
      : eliminationPeers(settings.python, task, { X: rows, Z }))
      report.add({ ...series(task.name, subject), device: "cpu" }, metrics);
  }
  const { parameters, feature } = bundleExample;
  if (wanted("bundle"))
    timeOrders({ report, settings }, bundleAdjustment(), [rowsAround(parameters), rowsAround(feature)]);
  for (const length of wanted("long") ? LENGTHS : []) timePlanning(report, length);
}

const series = (workload: string, subject: string): Series => ({
  suite: "elimination",
  workload,
  subject,
  device: "wasm",
  dtype: "f64",
  threads: 1,
});

/** Multiplications of elimination alone, by both rules. */
function countOrders(report: Report, task: EliminationTask): void {
  const [real, written] = [problemOf(programOfTask(task)), writtenProblem(writtenGraph(task))];
  if (real === undefined) return;
  const costs = (["default", "thorough"] as const).map((effort) => ({
    real: orderCosts(real, realPrices, effort),
    paper: orderCosts(written, paperPrices, effort),
  }));
  const [usual, thorough] = costs as [(typeof costs)[0], (typeof costs)[0]];
  for (const order of ["forward", "reverse", "markowitz"] as const)
    report.add(series(task.name, order), {
      multiplications: usual.real[order],
      multiplications_papers_rule: usual.paper[order],
    });
  report.add(series(task.name, "found"), {
    multiplications_default: usual.real.found,
    multiplications_thorough: thorough.real.found,
    multiplications_papers_rule: thorough.paper.found,
  });
}

/** The final program by order: planning time, emitted operations, time per row; gives the default plan's Jacobian. */
function timeOrders(
  { report, settings }: { readonly report: Report; readonly settings: Settings },
  program: Program,
  inputs: readonly Float64Array[],
): Float64Array<ArrayBuffer> {
  let jacobian = new Float64Array();
  for (const { name, plan } of SUBJECTS) {
    const start = performance.now();
    const planned = plan(program);
    const plan_ms = performance.now() - start;
    if (planned === undefined) continue;
    const { mul, div, add } = operationCounts(lower(prepared(planned), { dtype: "f64" }));
    for (const device of settings.devices) {
      const kernel = compileKernelSync(planned, { device, dtype: "f64" });
      const bound = kernel.bindFixed(ROWS, []);
      inputs.forEach((rows, index) => bound.inputs[index]?.set(rows));
      const { minimum } = timeSync(() => bound.run(), { budget: 500, most: 40 });
      if (name === "default") jacobian = Float64Array.from(bound.outputs[1] ?? []);
      kernel.dispose();
      report.add(
        { ...series(program.name, name), device },
        {
          ns_per_row: (minimum * 1e6) / ROWS,
          mul,
          div,
          add,
          total: mul + 4 * div + add,
          plan_ms,
        },
      );
    }
  }
  return jacobian;
}

/** Planning of a formula of so many branching scalars: the first time, and the best of a few. */
function timePlanning(report: Report, length: number): void {
  const program = longFormula(length);
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    planJacobian(program, { wrt: [0] });
    return performance.now() - start;
  });
  const { plan } = planJacobian(program, { wrt: [0] });
  report.add(series(`long-${length}`, "default"), {
    plan_ms: Math.min(...times),
    first_plan_ms: times[0] as number,
    multiplications: plan.counts.multiplications,
  });
}

/** Rows near a point, no two alike. */
function rowsAround(point: readonly number[]): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    { length: ROWS * point.length },
    (_, cell) => (point[cell % point.length] as number) * (1 + 0.05 * Math.sin(cell * 0.7)),
  );
}
