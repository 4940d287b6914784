/**
 * `jacrow explain MODEL`: what will be computed, in which order, and what it costs per row.
 *
 * What `explain()` of the library says, and the operations of the values alone and of the Jacobian by each mode, as they are
 * compiled. `--show` or JACROW_DEBUG adds the stages between as text.
 */

import { countsOf, type Explainable, explained, factsOf, type Show, widthName } from "../api/explain.ts";
import { bytesText } from "../api/sizes.ts";
import { type Counts, expandJacobians, jacobianProgram, planJacobian } from "../autodiff/index.ts";
import { writeBytesFile } from "../data/write-bytes.ts";
import { print } from "../ir/print.ts";
import { printLowered } from "../lower/index.ts";
import type { KernelInfo } from "../runtime/kernel.ts";
import { loweredOf } from "../runtime/prepare.ts";
import { type Arguments, badValue, type Command } from "./command.ts";
import { EXIT, fileStep } from "./exit.ts";
import { type Compute, compile, openSubject, type Subject } from "./job.ts";
import { jsonText } from "./json.ts";
import {
  COMPUTE_OPTIONS,
  MODEL_OPTIONS,
  REPORT_OPTIONS,
  SELECTION_OPTIONS,
  SMOOTH_OPTION,
} from "./options.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const STAGES = ["ir", "plan", "loops"] as const;
type Stage = (typeof STAGES)[number];
const MODES = ["forward", "reverse"] as const;
const KINDS = ["multiplications", "additions", "divisions", "functions", "other", "cost"] as const;

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
  const explanation = await explanationOf(await openSubject(args));
  await drawn(explanation, args, terminal);
  if (args.flag("json")) terminal.out(jsonText(dataOf(explanation)));
  else terminal.out([textOf(explanation), ...shown.map((stage) => stageText(explanation, stage))].join("\n"));
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
  { subject, planned, show }: Explanation,
  args: Arguments,
  terminal: Terminal,
): Promise<void> {
  const path = args.text("svg");
  if (path === undefined) return;
  const text = explained(subject.model.name, planned, { ...show, format: "svg" });
  await fileStep(() => writeBytesFile(path, new TextEncoder().encode(text), { force: args.flag("force") }));
  terminal.err(`${path}: the plan as a picture\n`);
}

/** What the library explains, and the operations of the values alone and of the plain modes. */
interface Explanation {
  readonly subject: Subject;
  readonly planned: Explainable;
  readonly show: Show;
  readonly kernel: KernelInfo;
  readonly byMode: Readonly<Record<"values" | (typeof MODES)[number], Counts>>;
}

async function explanationOf(subject: Subject): Promise<Explanation> {
  const { program, request, compute } = subject;
  const { program: plan, plan: report, material } = planJacobian(program, request);
  const kernel = await compile(plan, compute);
  const { info } = kernel;
  kernel.dispose();
  const countsBy = (mode: (typeof MODES)[number]): Counts =>
    countsOf(jacobianProgram(program, { ...request, mode }));
  return {
    subject,
    planned: { program: plan, report, material },
    show: { dtype: compute.dtype, format: "text", program: false, kernel: info },
    kernel: info,
    byMode: {
      values: countsOf(expandJacobians(program)),
      forward: countsBy("forward"),
      reverse: countsBy("reverse"),
    },
  };
}

/** The library's text, the table by mode and the kernel. */
function textOf({ subject, planned, show, kernel, byMode }: Explanation): string {
  const rows: readonly (readonly [string, Counts])[] = [
    ["values alone", byMode.values],
    ...MODES.map((mode) => [`Jacobian, ${mode} mode`, byMode[mode]] as const),
    ["Jacobian, as planned", countsOf(planned.program)],
  ];
  const lines = [
    explained(subject.model.name, planned, show),
    "",
    "operations per row, as compiled; the plan's counts above are before simplification",
    table(
      ["", ...KINDS],
      rows.map(([name, counts]) => [name, ...KINDS.map((kind) => String(counts[kind]))]),
    ),
    "",
    kernelText(kernel, subject.compute),
  ];
  return `${lines.join("\n")}\n`;
}

function dataOf({
  subject: { model, compute },
  planned,
  show,
  byMode,
}: Explanation): Record<string, unknown> {
  const facts = { ...factsOf(planned, show), dtype: widthName(compute.dtype) };
  return { command: "explain", model: model.name, mode: compute.mode, ...facts, byMode };
}

function kernelText(info: KernelInfo, { deterministic }: Compute): string {
  if (info.device === "interpreter") return "kernel: the interpreter, float64 inside";
  const fused = info.fused
    ? "fused multiply-add"
    : `multiply, then add${deterministic ? "" : " (this runtime has no fused one)"}`;
  const threads = `${info.threads} thread${info.threads === 1 ? "" : "s"}`;
  const what = info.device === "native" ? "native code from C" : "WebAssembly";
  return `kernel: ${what} of ${bytesText(info.moduleBytes)}, ${fused}, ${threads}`;
}

function stageText({ subject, planned }: Explanation, stage: Stage): string {
  switch (stage) {
    case "ir":
      return `one row\n${print(subject.program)}\n`;
    case "plan":
      return `its Jacobian\n${print(planned.program)}\n`;
    case "loops":
      return `loops\n${printLowered(loweredOf(planned.program, subject.compute.dtype))}\n`;
  }
}
