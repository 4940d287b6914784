/**
 * The elimination suite: multiplications by order and by both rules of counting, operations of the emitted loops, planning time,
 * and nanoseconds per row of the scalar tasks (value and Jacobian, f64, one thread).
 */

import { orderCosts, problemOf, writtenProblem } from "../../src/autodiff/elimination.ts";
import { type Effort, type Mode, planJacobian } from "../../src/autodiff/index.ts";
import { paperPrices, realPrices } from "../../src/autodiff/scalar-graph.ts";
import type { Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { compileKernelSync } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { timeSync } from "../measure.ts";
import type { Report, Series } from "../report.ts";
import type { Settings } from "../settings.ts";
import { bundleAdjustment, bundleExample } from "../tasks/bundle-adjustment.ts";
import { type EliminationTask, eliminationTasks, programOfTask, writtenGraph } from "../tasks/elimination.ts";

const ROWS = 100_000;

interface Subject {
  readonly name: string;
  readonly mode: Mode;
  readonly effort: Effort;
}

const SUBJECTS: readonly Subject[] = [
  { name: "forward", mode: "forward", effort: "quick" },
  { name: "reverse", mode: "reverse", effort: "quick" },
  { name: "quick", mode: "auto", effort: "quick" },
  { name: "default", mode: "auto", effort: "default" },
  { name: "thorough", mode: "auto", effort: "thorough" },
];

/** Runs the suite. */
export async function elimination(report: Report, settings: Settings): Promise<void> {
  const wanted = (name: string): boolean => settings.workloads?.includes(name) ?? true;
  for (const task of eliminationTasks.filter(({ name }) => wanted(name))) {
    countOrders(report, task);
    timeOrders(report, programOfTask(task), [rowsAround(task.point)]);
  }
  const { parameters, feature } = bundleExample;
  if (wanted("bundle")) timeOrders(report, bundleAdjustment(), [rowsAround(parameters), rowsAround(feature)]);
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

/** The final program by mode and effort: planning time, emitted operations, time per row. */
function timeOrders(report: Report, program: Program, inputs: readonly Float64Array[]): void {
  for (const { name, mode, effort } of SUBJECTS) {
    const start = performance.now();
    const { program: planned } = planJacobian(program, { wrt: [0], mode, effort, value: true });
    const plan_ms = performance.now() - start;
    const { mul, div, add } = operationCounts(lower(prepared(planned), { dtype: "f64" }));
    const kernel = compileKernelSync(planned, { device: "wasm", dtype: "f64" });
    const bound = kernel.bindFixed(ROWS, []);
    inputs.forEach((rows, index) => bound.inputs[index]?.set(rows));
    const { minimum } = timeSync(() => bound.run(), { budget: 500, most: 40 });
    kernel.dispose();
    report.add(series(program.name, name), {
      ns_per_row: (minimum * 1e6) / ROWS,
      mul,
      div,
      add,
      total: mul + 4 * div + add,
      plan_ms,
    });
  }
}

/** Rows near a point, no two alike. */
function rowsAround(point: readonly number[]): Float64Array {
  return Float64Array.from(
    { length: ROWS * point.length },
    (_, cell) => (point[cell % point.length] as number) * (1 + 0.05 * Math.sin(cell * 0.7)),
  );
}
