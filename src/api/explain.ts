/**
 * What a planned function computes per row and at what cost: as text for people, as JSON, or as a picture.
 *
 * In: a planned function. Out: text. Always: counts are of the program that is compiled, sizes in the asked width.
 */

import { type Counts, countNodes, type PlanMaterial, type PlanReport, printPlan } from "../autodiff/index.ts";
import { featureCode } from "../codegen/few-rows.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { print } from "../ir/print.ts";
import { showShape } from "../ir/shape.ts";
import type { Node, Program } from "../ir/types.ts";
import { lower, operationCounts } from "../lower/index.ts";
import { optimize } from "../optimize/optimize.ts";
import type { KernelInfo } from "../runtime/kernel.ts";
import { prepared } from "../runtime/prepare.ts";
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

type Draw = (name: string, report: PlanReport, material: PlanMaterial) => string;
let draw: Draw | undefined;

/** Makes pictures known: what draws them is not part of pages. */
export function registerPicture(picture: Draw): void {
  draw = picture;
}

/** The plan as text, with the program if it is asked for, as JSON, or as a picture. Throws JR459 where there is no plan to draw, JR460 off Node. */
export function explained(name: string, planned: Planned, show: Show): string {
  if (show.format === "text") return textOf(name, planned, show);
  if (show.format === "json") return JSON.stringify(factsOf(name, planned, show));
  const { report, material } = planned;
  if (report === undefined || material === undefined)
    throw new UsageError("JR459", `${name} has no plan to draw: use jacrow(f).explain({ format: "svg" })`);
  if (draw === undefined)
    throw new UsageError("JR460", 'pictures of plans are drawn on Node; format: "json" has the plan as data');
  return draw(name, report, material);
}

function textOf(name: string, planned: Planned, show: Show): string {
  const { program, report } = planned;
  const bytes = bytesOf(show);
  const lines = [
    `${name}, ${show.dtype === "f32" ? "float32" : "float64"}`,
    ...program.inputs.map(
      (input) =>
        `  in   ${input.name} ${showShape(input.shape)}${input.level === "row" ? "" : ", shared by all rows"}`,
    ),
    ...program.outputs.map(
      (output) => `  out  ${output.name} ${showShape(output.value.shape)}${zeroNote(output.value)}`,
    ),
    `  per row: ${operations(program)}; results take ${bytesText(resultCells(planned) * bytes)}`,
    scratchLine(planned, show),
    ...(report === undefined ? [] : ["", printPlan(report, { bytes })]),
  ];
  return show.program ? `${lines.join("\n")}\n\n${print(program)}` : lines.join("\n");
}

function factsOf(name: string, planned: Planned, show: Show): Record<string, unknown> {
  const { program, report } = planned;
  const bytes = bytesOf(show);
  return {
    name,
    dtype: show.dtype,
    inputs: program.inputs.map((input) => ({
      name: input.name,
      shape: input.shape,
      shared: input.level !== "row",
    })),
    outputs: program.outputs.map((output) => ({ name: output.name, shape: output.value.shape })),
    operations: countsOf(program),
    resultBytes: resultCells(planned) * bytes,
    scratchBytesPerRow: scratchBytes(program, show.dtype),
    kernel: show.kernel,
    ...(report !== undefined && { boundBytes: report.bound.cells * bytes, plan: report }),
  };
}

const bytesOf = ({ dtype }: Show): number => (dtype === "f32" ? 4 : 8);

function resultCells({ estimates }: Planned): number {
  return estimates.reduce((sum, { cells }) => sum + cells, 0);
}

function scratchLine({ program }: Planned, { dtype, kernel }: Show): string {
  const tile =
    kernel === undefined ? "" : `, ${bytesText(kernel.scratchBytes)} per tile of ${kernel.tileRows} rows`;
  return `  scratch: ${bytesText(scratchBytes(program, dtype))} per row${tile}`;
}

/** What the compiled code keeps of a row. */
function scratchBytes(program: Program, dtype: FloatType): number {
  return operationCounts(lower(prepared(program), { dtype, slices: featureCode()?.slices })).scratchBytes;
}

/** What is left of a program when it has been optimised: Hessians of which only traces are read are never formed. */
function countsOf(program: Program): Counts {
  return countNodes(optimize(program).outputs.map(({ value }) => value));
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
