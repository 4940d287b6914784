/**
 * An explanation as text for people and as data for programs.
 *
 * In: the plan's report, counted programs and the kernel's facts. Out: sizes, structure, operations per row, and how it runs.
 */

import { bytesText } from "../api/sizes.ts";
import {
  type Block,
  type Counts,
  type Mode,
  type PlanMaterial,
  type PlanReport,
  printPlan,
} from "../autodiff/index.ts";
import { showShape } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import type { KernelInfo } from "../runtime/kernel.ts";
import type { Compute, Subject } from "./job.ts";
import { table } from "./table.ts";

/** Everything that is known about a Jacobian before its first row. */
export interface Explanation {
  readonly subject: Subject;
  /** The Jacobian's program. */
  readonly plan: Program;
  readonly report: PlanReport;
  readonly material: PlanMaterial;
  /** Operations of the values alone, of the Jacobian by each plain mode, and as planned. */
  readonly values: Counts;
  readonly modes: readonly (readonly [Mode, Counts])[];
  readonly chosen: Counts;
  readonly kernel: KernelInfo;
}

/** The page that `jacrow explain` prints. */
export function explanationText(explanation: Explanation): string {
  const { subject, report, kernel } = explanation;
  const { model, program, compute } = subject;
  const lines = [
    `${model.name}, ${widthOf(compute)}`,
    ...program.inputs.map(
      ({ name, shape, level }) =>
        `  input   ${name} ${showShape(shape)}${level === "row" ? "" : ", shared by all rows"}`,
    ),
    ...program.outputs.map(({ name, value }) => `  output  ${name} ${showShape(value.shape)}`),
    ...report.blocks.map((block, index) => `  ${blockText(explanation, block, index)}`),
    "",
    "operations per row, as compiled; the plan's counts below are before simplification",
    operationTable(explanation),
    "",
    printPlan(report, { bytes: compute.dtype === "f32" ? 4 : 8 }),
    "",
    kernelText(kernel, compute),
  ];
  return `${lines.join("\n")}\n`;
}

/** The width that is computed in, as files name it. */
export function widthOf({ dtype }: Compute): string {
  return dtype === "f32" ? "float32" : "float64";
}

/** ∂y/∂x: its size, and what of it can be anything but zero. */
function blockText({ plan, subject }: Explanation, block: Block, index: number): string {
  const value = plan.outputs[index]?.value;
  const cells = block.rows * block.columns;
  const bytes = cells * (subject.compute.dtype === "f32" ? 4 : 8);
  const zeros = block.nonzeros < cells ? `, ${cells - block.nonzeros} of ${cells} entries always zero` : "";
  const same = value?.level === "row" ? "" : ", the same for every row";
  const size = ["n", ...(value?.shape ?? [])].join(" × ");
  return `∂${block.name.replace("/", "/∂")}   ${size}, ${bytesText(bytes)} per row${zeros}${same}`;
}

function operationTable({ values, modes, chosen, report }: Explanation): string {
  const rows: readonly (readonly [string, Counts])[] = [
    ["values alone", values],
    ...modes.map(([mode, counts]) => [`Jacobian, ${mode} mode`, counts] as const),
    ["Jacobian, as planned", chosen],
  ];
  const bound = report.bound.counts.multiplications;
  const once = bound === 0 ? "" : `\n  and once for all rows: ${bound} multiplications`;
  const head = ["", "multiplications", "additions", "divisions", "functions", "other", "cost"];
  return `${table(
    head,
    rows.map(([name, counts]) => [name, ...countList(counts).map(String)]),
  )}${once}`;
}

function countList({ multiplications, additions, divisions, functions, other, cost }: Counts): number[] {
  return [multiplications, additions, divisions, functions, other, cost];
}

function kernelText(info: KernelInfo, { deterministic }: Compute): string {
  if (info.device === "interpreter") return "kernel: the interpreter, float64 inside";
  const fused = info.fused
    ? "fused multiply-add"
    : `multiply, then add${deterministic ? "" : " (this runtime has no fused one)"}`;
  const threads = `${info.threads} thread${info.threads === 1 ? "" : "s"}`;
  const scratch = `${bytesText(info.scratchBytes)} of scratch per tile`;
  const what = info.device === "native" ? "native code from C" : "WebAssembly";
  return `kernel: ${what} of ${bytesText(info.moduleBytes)}, ${info.tileRows} rows at a time, ${scratch}, ${fused}, ${threads}`;
}

/** The same as plain data. */
export function explanationData(explanation: Explanation): Record<string, unknown> {
  const { subject, plan, report, values, modes, chosen, kernel } = explanation;
  const { model, program, compute } = subject;
  return {
    command: "explain",
    model: model.name,
    dtype: widthOf(compute),
    inputs: program.inputs.map(({ name, shape, level }) => ({ name, shape, shared: level !== "row" })),
    outputs: program.outputs.map(({ name, value }) => ({ name, shape: value.shape })),
    jacobians: report.blocks.map(({ name, nonzeros }, index) => {
      const value = plan.outputs[index]?.value;
      return { name, shape: value?.shape, nonzeros, sameForEveryRow: value?.level !== "row" };
    }),
    operations: { values, ...Object.fromEntries(modes), planned: chosen },
    mode: compute.mode,
    plan: report,
    kernel,
  };
}
