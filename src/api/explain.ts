/** What a planned function computes per row and at what cost, as text for people. */

import { countNodes, printPlan } from "../autodiff/index.ts";
import type { FloatType } from "../data/shape.ts";
import { print } from "../ir/print.ts";
import { showShape } from "../ir/shape.ts";
import type { Node, Program } from "../ir/types.ts";
import type { Planned } from "./plan.ts";
import { bytesText } from "./sizes.ts";

/** The plan in a few lines, and the program if it is asked for. */
export function explained(
  name: string,
  { program, estimates, report }: Planned,
  show: { readonly dtype: FloatType; readonly program: boolean },
): string {
  const { dtype } = show;
  const bytes = dtype === "f32" ? 4 : 8;
  const cells = estimates.reduce((sum, estimate) => sum + estimate.cells, 0);
  const lines = [
    `${name}, ${dtype === "f32" ? "float32" : "float64"}`,
    ...program.inputs.map(
      (input) =>
        `  in   ${input.name} ${showShape(input.shape)}${input.level === "row" ? "" : ", shared by all rows"}`,
    ),
    ...program.outputs.map(
      (output) => `  out  ${output.name} ${showShape(output.value.shape)}${zeroNote(output.value)}`,
    ),
    `  per row: ${operations(program)}; results take ${bytesText(cells * bytes)}`,
    ...(report === undefined ? [] : ["", printPlan(report)]),
  ];
  return show.program ? `${lines.join("\n")}\n\n${print(program)}` : lines.join("\n");
}

function operations(program: Program): string {
  const counts = countNodes(program.outputs.map(({ value }) => value));
  const kinds = ["multiplications", "additions", "divisions", "functions", "other"] as const;
  const listed = kinds.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  return listed.length === 0 ? "no arithmetic" : listed.join(", ");
}

function zeroNote(node: Node): string {
  if (node.op === "constant" && node.values.every((value) => value === 0)) return ", zero everywhere";
  if (node.level === "finish") return ", over all rows";
  return node.level === "row" ? "" : ", the same for every row";
}
