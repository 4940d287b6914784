/**
 * `jacrow explain MODEL`: what will be computed, in which order, and what it costs per row.
 *
 * The counts are of the programs as they are compiled: the values alone, then the Jacobian by each mode. `--show` or
 * JACROW_DEBUG adds the stages between as text.
 */

import { bytesText } from "../api/sizes.ts";
import { type Counts, countNodes, expandJacobians, jacobianProgram, type Mode } from "../autodiff/index.ts";
import { print } from "../ir/print.ts";
import { showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { lower, printLowered } from "../lower/index.ts";
import type { KernelInfo } from "../runtime/kernel.ts";
import { prepared } from "../runtime/prepare.ts";
import { type Arguments, badValue, type Command } from "./command.ts";
import { EXIT } from "./exit.ts";
import { type Compute, compile, openSubject, type Subject } from "./job.ts";
import { jsonText } from "./json.ts";
import { COMPUTE_OPTIONS, MODEL_OPTIONS, REPORT_OPTIONS, SELECTION_OPTIONS } from "./options.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const STAGES = ["ir", "plan", "loops"] as const;
type Stage = (typeof STAGES)[number];
const MODES: readonly Mode[] = ["forward", "reverse", "auto"];

/** The command. */
export const explain: Command = {
  name: "explain",
  summary: "show the plan of a Jacobian and what it costs",
  usage: "MODEL [ROWS...] [options]",
  about: `
Shows the sizes of Z, the operations per row by forward mode, by reverse mode and by
the order that jacrow chose, and the compiled kernel. A function of your own module
needs a rows file, which tells the shape of a row.

--show ir,plan,loops adds the program of one row, the program of its Jacobian, and the
loops it becomes; the environment variable JACROW_DEBUG=ir,plan,loops does the same.`,
  options: [
    { name: "show", placeholder: "LIST", help: "stages to print: ir, plan, loops" },
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS,
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS.filter(({ name }) => name !== "quiet"),
  ],
  examples: [
    { line: "jacrow explain net.onnx", shows: "sizes, costs by mode, and the kernel" },
    {
      line: "jacrow explain arm.js#arm angles.npy --show ir",
      shows: "the program that was traced from a function",
    },
  ],
  words: { least: 1, most: 64 },
  run: runExplain,
};

interface Explanation {
  readonly subject: Subject;
  readonly plan: Program;
  readonly values: Counts;
  readonly modes: Readonly<Record<Mode, Counts>>;
  readonly kernel: KernelInfo;
}

async function runExplain(args: Arguments, terminal: Terminal): Promise<number> {
  const shown = stagesOf(args, terminal);
  const explanation = await explained(await openSubject(args), args);
  if (args.flag("json")) terminal.out(jsonText(explanationData(explanation)));
  else
    terminal.out([summary(explanation), ...shown.map((stage) => stageText(explanation, stage))].join("\n"));
  return EXIT.ok;
}

/** The stages asked for; of JACROW_DEBUG those words that are stages, for it may ask for other things. */
function stagesOf(args: Arguments, { debug }: Terminal): Stage[] {
  const asked = args.list("show") ?? [];
  const unknown = asked.find((word) => !STAGES.some((stage) => stage === word));
  if (unknown !== undefined) throw badValue("show", unknown, STAGES.join(", "));
  return STAGES.filter((stage) => asked.includes(stage) || debug.split(",").includes(stage));
}

async function explained(subject: Subject, args: Arguments): Promise<Explanation> {
  const { program, wrt, compute } = subject;
  const planBy = (mode: Mode): Program =>
    jacobianProgram(program, { wrt, mode, allowZero: args.flag("allow-zero") });
  const modes = Object.fromEntries(MODES.map((mode) => [mode, countsOf(planBy(mode))])) as Record<
    Mode,
    Counts
  >;
  const plan = planBy(compute.mode);
  const kernel = await compile(plan, compute);
  const { info } = kernel;
  kernel.dispose();
  return { subject, plan, values: countsOf(expandJacobians(program)), modes, kernel: info };
}

function countsOf(program: Program): Counts {
  return countNodes(prepared(program).outputs.map(({ value }) => value));
}

function summary({ subject, plan, values, modes, kernel }: Explanation): string {
  const { model, program, compute } = subject;
  const inputs = program.inputs.map(
    ({ name, shape, level }) =>
      `  input   ${name} ${showShape(shape)}${level === "row" ? "" : ", shared by all rows"}`,
  );
  const outputs = program.outputs.map(({ name, value }) => `  output  ${name} ${showShape(value.shape)}`);
  const bytes = compute.dtype === "f32" ? 4 : 8;
  const results = plan.outputs.map(({ name, value }) => {
    const same = value.level === "row" ? "" : ", the same for every row";
    return `  ∂${name.replace("/", "/∂")}  ${["n", ...value.shape].join(" × ")}, ${bytesText(sizeOf(value.shape) * bytes)} per row${same}`;
  });
  const chosen = compute.mode === "auto" ? " (chosen by count)" : "";
  const rows = [
    ["values alone", values] as const,
    ...MODES.map((mode) => [`Jacobian, ${mode}`, modes[mode]] as const),
  ];
  return `${model.name}, ${compute.dtype === "f32" ? "float32" : "float64"}
${[...inputs, ...outputs, ...results].join("\n")}

operations per row
${table(
  ["", "multiplications", "additions", "divisions", "functions", "other", "cost"],
  rows.map(([name, counts]) => [name, ...countList(counts).map(String)]),
)}
mode: ${compute.mode}${chosen}
${kernelText(kernel, compute)}
`;
}

function countList({ multiplications, additions, divisions, functions, other, cost }: Counts): number[] {
  return [multiplications, additions, divisions, functions, other, cost];
}

function kernelText(info: KernelInfo, { deterministic }: Compute): string {
  if (info.device === "interpreter") return "kernel: the interpreter, float64 inside";
  const fused = info.fused
    ? "fused multiply-add"
    : `multiply, then add${deterministic ? "" : " (this runtime has no fused one)"}`;
  return `kernel: WebAssembly of ${bytesText(info.moduleBytes)}, ${info.tileRows} rows at a time, ${fused}, ${info.threads} thread${info.threads === 1 ? "" : "s"}`;
}

function explanationData({ subject, plan, values, modes, kernel }: Explanation): Record<string, unknown> {
  const { model, program, compute } = subject;
  return {
    command: "explain",
    model: model.name,
    dtype: compute.dtype === "f32" ? "float32" : "float64",
    inputs: program.inputs.map(({ name, shape, level }) => ({ name, shape, shared: level !== "row" })),
    outputs: program.outputs.map(({ name, value }) => ({ name, shape: value.shape })),
    jacobians: plan.outputs.map(({ name, value }) => ({
      name,
      shape: value.shape,
      sameForEveryRow: value.level !== "row",
    })),
    operations: { values, ...modes },
    mode: compute.mode,
    kernel,
  };
}

function stageText({ subject, plan }: Explanation, stage: Stage): string {
  switch (stage) {
    case "ir":
      return `one row\n${print(subject.program)}\n`;
    case "plan":
      return `its Jacobian\n${print(plan)}\n`;
    case "loops":
      return `loops\n${printLowered(lower(prepared(plan), { dtype: subject.compute.dtype }))}\n`;
  }
}
