/**
 * What a planned function computes per row and at what cost: as text for people, as JSON, or as a picture.
 *
 * In: a planned function. Out: text. Always: counts are of the program that is compiled, sizes in the asked width.
 */

import { type Counts, countNodes, type PlanMaterial, type PlanReport, printPlan } from "../autodiff/index.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { print } from "../ir/print.ts";
import { showShape, sizeOf } from "../ir/shape.ts";
import type { Node, Program } from "../ir/types.ts";
import { operationCounts } from "../lower/index.ts";
import type { KernelInfo } from "../runtime/kernel.ts";
import { loweredOf, prepared } from "../runtime/prepare.ts";
import type { Planned } from "./plan.ts";
import { bytesText } from "./sizes.ts";
import type { ExplainSpec } from "./types.ts";

/** How to explain. */
export interface Show {
  readonly dtype: FloatType;
  readonly format: NonNullable<ExplainSpec["format"]>;
  /** The program of one row too. */
  readonly program: boolean;
  /** Once compiled. */
  readonly kernel: KernelInfo | undefined;
}

/** What is explained of a planned function. */
export type Explainable = Pick<Planned, "program" | "report" | "material">;

type Draw = (name: string, report: PlanReport, material: PlanMaterial) => string;
let draw: Draw | undefined;

/** Makes pictures known: what draws them is not part of pages. */
export function registerPicture(picture: Draw): void {
  draw = picture;
}

/** The plan as text, with the program if it is asked for, as JSON, or as a picture. Throws JR459 where there is no plan to draw, JR460 off Node. */
export function explained(name: string, planned: Explainable, show: Show): string {
  if (show.format === "text") return textOf(name, planned, show);
  if (show.format === "json") return JSON.stringify({ name, ...factsOf(planned, show) });
  const { report, material } = planned;
  if (report === undefined || material === undefined)
    throw new UsageError("JR459", `${name} has no plan to draw: use jacrow(f).explain({ format: "svg" })`);
  if (draw === undefined)
    throw new UsageError("JR460", 'pictures of plans are drawn on Node; format: "json" has the plan as data');
  return draw(name, report, material);
}

function textOf(name: string, planned: Explainable, show: Show): string {
  const { program, report } = planned;
  const bytes = bytesOf(show);
  const lines = [
    `${name}, ${widthName(show.dtype)}`,
    ...program.inputs.map(
      (input) =>
        `  in   ${input.name} ${showShape(input.shape)}${input.level === "row" ? "" : ", shared by all rows"}`,
    ),
    ...program.outputs.map(
      (output) => `  out  ${output.name} ${showShape(output.value.shape)}${zeroNote(output.value)}`,
    ),
    `  per row: ${operations(program)}; results take ${bytesText(resultCells(program) * bytes)}`,
    scratchLine(planned, show),
    ...(report === undefined ? [] : ["", printPlan(report, { bytes })]),
  ];
  return show.program ? `${lines.join("\n")}\n\n${print(program)}` : lines.join("\n");
}

/** The facts behind the text. */
export function factsOf({ program, report }: Explainable, show: Show): Record<string, unknown> {
  const bytes = bytesOf(show);
  return {
    dtype: show.dtype,
    inputs: program.inputs.map((input) => ({
      name: input.name,
      shape: input.shape,
      shared: input.level !== "row",
    })),
    outputs: program.outputs.map(({ name, value: { shape, level } }) => ({
      name,
      shape,
      sameForEveryRow: level !== "row",
    })),
    operations: countsOf(program),
    resultBytes: resultCells(program) * bytes,
    scratchBytesPerRow: scratchBytes(program, show.dtype),
    kernel: show.kernel,
    ...(report !== undefined && { boundBytes: report.bound.cells * bytes, plan: report }),
  };
}

/** The width that is computed in, as files name it. */
export const widthName = (dtype: FloatType): string => (dtype === "f32" ? "float32" : "float64");

const bytesOf = ({ dtype }: Show): number => (dtype === "f32" ? 4 : 8);

/** Sums over rows are no larger for more rows. */
function resultCells({ outputs }: Program): number {
  const perRow = outputs.filter(({ value }) => value.level !== "finish");
  return perRow.reduce((sum, { value }) => sum + sizeOf(value.shape), 0);
}

function scratchLine({ program }: Explainable, { dtype, kernel }: Show): string {
  const tile =
    kernel === undefined ? "" : `, ${bytesText(kernel.scratchBytes)} per tile of ${kernel.tileRows} rows`;
  return `  scratch: ${bytesText(scratchBytes(program, dtype))} per row${tile}`;
}

/** What the compiled code keeps of a row. */
function scratchBytes(program: Program, dtype: FloatType): number {
  return operationCounts(loweredOf(program, dtype)).scratchBytes;
}

/** Operations per row of a program as it is compiled: Hessians of which only traces are read are never formed. */
export function countsOf(program: Program): Counts {
  return countNodes(prepared(program).outputs.map(({ value }) => value));
}

function operations(program: Program): string {
  const counts = countsOf(program);
  const kinds = ["multiplications", "additions", "divisions", "functions", "other"] as const;
  const listed = kinds.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  return listed.length === 0 ? "no arithmetic" : listed.join(", ");
}

function zeroNote(node: Node): string {
  if (node.op === "constant" && node.values.every((value) => value === 0)) return ", zero everywhere";
  if (node.level === "finish") return ", over all rows";
  return node.level === "row" ? "" : ", the same for every row";
}
