/**
 * `jacrow explain MODEL`: what will be computed, in which order, and what it costs per row.
 *
 * The counts are of the programs as they are compiled: the values alone, then the Jacobian by each mode. `--show` or
 * JACROW_DEBUG adds the stages between as text.
 */

import { planPicture } from "../api/plan-picture.ts";
import {
  type Counts,
  countNodes,
  expandJacobians,
  jacobianProgram,
  type Mode,
  planJacobian,
} from "../autodiff/index.ts";
import { featureCode } from "../codegen/few-rows.ts";
import { writeBytesFile } from "../data/write-bytes.ts";
import { print } from "../ir/print.ts";
import type { Program } from "../ir/types.ts";
import { lower, printLowered } from "../lower/index.ts";
import { prepared } from "../runtime/prepare.ts";
import { type Arguments, badValue, type Command } from "./command.ts";
import { EXIT, fileStep } from "./exit.ts";
import { type Explanation, explanationData, explanationText } from "./explanation.ts";
import { compile, openSubject, type Subject } from "./job.ts";
import { jsonText } from "./json.ts";
import {
  COMPUTE_OPTIONS,
  MODEL_OPTIONS,
  REPORT_OPTIONS,
  SELECTION_OPTIONS,
  SMOOTH_OPTION,
} from "./options.ts";
import type { Terminal } from "./terminal.ts";

const STAGES = ["ir", "plan", "loops"] as const;
type Stage = (typeof STAGES)[number];
const MODES: readonly Mode[] = ["forward", "reverse"];

/** The command. */
export const explain: Command = {
  name: "explain",
  summary: "show the plan of a Jacobian and what it costs",
  usage: "MODEL [ROWS...] [options]",
  about: `
Shows the sizes of Z, the operations per row by forward mode, by reverse mode and by
the order that jacrow chose, and the compiled kernel. A function of your own module
needs a rows file, which tells the shape of a row.

--svg FILE draws the graph with the plan on it: values coloured by how their derivatives
are multiplied, numbered in the order of elimination, the sizes of local Jacobians between.

--show ir,plan,loops adds the program of one row, the program of its Jacobian, and the
loops it becomes; the environment variable JACROW_DEBUG=ir,plan,loops does the same.`,
  options: [
    { name: "svg", placeholder: "FILE", help: "draw the plan into this file" },
    { name: "force", help: "overwrite a file that exists" },
    { name: "show", placeholder: "LIST", help: "stages to print: ir, plan, loops" },
    SMOOTH_OPTION,
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS,
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS.filter(({ name }) => name !== "quiet"),
  ],
  examples: [
    { line: "jacrow explain net.onnx", shows: "sizes, costs by mode, and the kernel" },
    { line: "jacrow explain net.onnx --svg plan.svg", shows: "a picture of the plan" },
    {
      line: "jacrow explain arm.js#arm angles.npy --show ir",
      shows: "the program that was traced from a function",
    },
  ],
  words: { least: 1, most: 64 },
  run: runExplain,
};

async function runExplain(args: Arguments, terminal: Terminal): Promise<number> {
  const shown = stagesOf(args, terminal);
  const explanation = await explained(await openSubject(args));
  await drawn(explanation, args, terminal);
  if (args.flag("json")) terminal.out(jsonText(explanationData(explanation)));
  else
    terminal.out(
      [explanationText(explanation), ...shown.map((stage) => stageText(explanation, stage))].join("\n"),
    );
  return EXIT.ok;
}

/** The stages asked for; of JACROW_DEBUG those words that are stages, for it may ask for other things. */
function stagesOf(args: Arguments, { debug }: Terminal): Stage[] {
  const asked = args.list("show") ?? [];
  const unknown = asked.find((word) => !STAGES.some((stage) => stage === word));
  if (unknown !== undefined) throw badValue("show", unknown, STAGES.join(", "));
  return STAGES.filter((stage) => asked.includes(stage) || debug.split(",").includes(stage));
}

/** Writes the picture, if one was asked for. */
async function drawn(
  { subject, report, material }: Explanation,
  args: Arguments,
  terminal: Terminal,
): Promise<void> {
  const path = args.text("svg");
  if (path === undefined) return;
  const text = planPicture(subject.model.name, report, material);
  await fileStep(() => writeBytesFile(path, new TextEncoder().encode(text), { force: args.flag("force") }));
  terminal.err(`${path}: the plan as a picture\n`);
}

async function explained(subject: Subject): Promise<Explanation> {
  const { program, request, compute } = subject;
  const { program: plan, plan: report, material } = planJacobian(program, request);
  const modes = MODES.map(
    (mode) => [mode, countsOf(jacobianProgram(program, { ...request, mode }))] as const,
  );
  const kernel = await compile(plan, compute);
  const { info } = kernel;
  kernel.dispose();
  const chosen = countsOf(plan);
  return {
    subject,
    plan,
    report,
    material,
    values: countsOf(expandJacobians(program)),
    modes,
    chosen,
    kernel: info,
  };
}

function countsOf(program: Program): Counts {
  return countNodes(prepared(program).outputs.map(({ value }) => value));
}

function stageText({ subject, plan }: Explanation, stage: Stage): string {
  switch (stage) {
    case "ir":
      return `one row\n${print(subject.program)}\n`;
    case "plan":
      return `its Jacobian\n${print(plan)}\n`;
    case "loops":
      return `loops\n${printLowered(lower(prepared(plan), { dtype: subject.compute.dtype, slices: featureCode()?.slices }))}\n`;
  }
}
