/**
 * `jacrow inspect MODEL`: what a file holds, and whether jacrow can differentiate it.
 *
 * In: an ONNX file, or a module of the user's (its functions are listed). Out: inputs, outputs, operators, parameters, a picture.
 * Always: the file's contents are told even where the model is unsupported, with the reason for each output and its exit code.
 */

import { basename } from "node:path";
import { writeBytesFile } from "../data/write-bytes.ts";
import { JacrowError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import { loadFile } from "../onnx/files.ts";
import { importModel, type Port } from "../onnx/import.ts";
import { type ModelProto, type NodeProto, opsetOf, readModel } from "../onnx/model.ts";
import { operatorKey } from "../onnx/support.ts";
import { shapeOf } from "../onnx/tensor.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, errorData, errorText, exitCodeOf, fileStep } from "./exit.ts";
import { declaredSizes, inputNames, modelPicture } from "./graph-svg.ts";
import { jsonText } from "./json.ts";
import { modelOptions } from "./model.ts";
import { MODEL_OPTIONS, REPORT_OPTIONS } from "./options.ts";
import type { Terminal } from "./terminal.ts";
import { importModule } from "./user-module.ts";
import { culprits, outputVerdicts, type Verdict, verdictLines } from "./verdicts.ts";

/** The command. */
export const inspect: Command = {
  name: "inspect",
  summary: "list a model's inputs, outputs, operators and parameters",
  usage: "MODEL [options]",
  about: `
Shows what an ONNX file holds: inputs and outputs as one row has them, how often each
operator occurs, the number of parameters, and for every output whether its rows are
independent. Ends with exit code 3 if jacrow cannot differentiate it, saying why.

--svg FILE draws the graph; nodes that mix rows or are unsupported have a red frame.

For a module (file.js) it lists the functions that can be named as file.js#name.`,
  options: [
    { name: "svg", placeholder: "FILE", help: "draw the graph into this file" },
    { name: "force", help: "overwrite a file that exists" },
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS.filter(({ name }) => name !== "quiet"),
  ],
  examples: [
    { line: "jacrow inspect net.onnx", shows: "inputs, outputs, operators, parameters" },
    { line: "jacrow inspect net.onnx --svg net.svg", shows: "a picture of the graph" },
    { line: "jacrow inspect arm.js", shows: "the functions of a module" },
  ],
  words: { least: 1, most: 1 },
  run: runInspect,
};

async function runInspect(args: Arguments, terminal: Terminal): Promise<number> {
  const word = (args.words[0] ?? "").replace(/#.*$/s, "");
  return /\.[cm]?[jt]sx?$/.test(word)
    ? inspectModule(word, args, terminal)
    : inspectOnnx(word, args, terminal);
}

async function inspectModule(path: string, args: Arguments, terminal: Terminal): Promise<number> {
  const exported = await importModule(path);
  const functions = Object.keys(exported).filter((name) => typeof exported[name] === "function");
  if (args.flag("json")) terminal.out(jsonText({ command: "inspect", model: basename(path), functions }));
  else
    terminal.out(
      `${basename(path)} exports ${counted(functions.length, "function")}\n${functions.map((name) => `  ${path}#${name}\n`).join("")}`,
    );
  return EXIT.ok;
}

/** Writes the picture, if one was asked for. */
async function drawn(
  proto: ModelProto,
  error: JacrowError | undefined,
  { args, terminal }: { args: Arguments; terminal: Terminal },
): Promise<void> {
  const path = args.text("svg");
  if (path === undefined) return;
  const text = modelPicture(proto, culprits(proto, error));
  await fileStep(() => writeBytesFile(path, new TextEncoder().encode(text), { force: args.flag("force") }));
  terminal.err(`${path}: the graph, ${counted(proto.graph.nodes.length, "node")}\n`);
}

interface Contents {
  readonly producer: string;
  readonly opset: number;
  readonly operators: readonly (readonly [string, number])[];
  readonly parameters: number;
}

async function inspectOnnx(path: string, args: Arguments, terminal: Terminal): Promise<number> {
  const { bytes, what, external } = await fileStep(() => loadFile(path));
  const proto = await fileStep(() => readModel(bytes, what));
  const contents = contentsOf(proto);
  const { batchAxis, sizes } = modelOptions(args);
  const options = { batchAxis, sizes, what, external };
  const imported = attempt(() => importModel(proto, options));
  const error = imported instanceof JacrowError ? imported : undefined;
  const ports = imported instanceof JacrowError ? { inputs: [], outputs: [] } : imported;
  const verdicts = outputVerdicts(proto, imported, options);
  await drawn(proto, error, { args, terminal });
  if (args.flag("json")) {
    const { inputs, outputs } = ports;
    const operators = Object.fromEntries(contents.operators);
    const problem = error === undefined ? {} : { error: errorData(error) };
    terminal.out(
      jsonText({
        command: "inspect",
        model: what,
        ...contents,
        operators,
        inputs,
        outputs,
        rowWise: verdicts,
        ...problem,
      }),
    );
  } else terminal.out(contentsText(what, contents, { proto, ...ports, verdicts }));
  if (error === undefined) return EXIT.ok;
  terminal.err(errorText(error, ""));
  return exitCodeOf(error);
}

/** The result, or jacrow's own error as a value. */
function attempt<T>(action: () => T): T | JacrowError {
  try {
    return action();
  } catch (error) {
    if (error instanceof JacrowError) return error;
    throw error;
  }
}

function contentsOf(proto: ModelProto): Contents {
  const counts = new Map<string, number>();
  const count = (node: NodeProto): void => {
    const key = operatorKey(node);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const { g } of node.attributes) g?.nodes.forEach(count);
  };
  proto.graph.nodes.forEach(count);
  const parameters = proto.graph.initializers.map((tensor) =>
    shapeOf(tensor, `tensor "${tensor.name ?? ""}"`),
  );
  return {
    producer: proto.producer ?? "",
    opset: opsetOf(proto, ""),
    operators: [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
    parameters: parameters.reduce((sum, shape) => sum + shape.reduce((size, axis) => size * axis, 1), 0),
  };
}

function contentsText(
  what: string,
  { producer, opset, operators, parameters }: Contents,
  {
    inputs,
    outputs,
    verdicts,
    proto,
  }: { proto: ModelProto; inputs: readonly Port[]; outputs: readonly Port[]; verdicts: readonly Verdict[] },
): string {
  const lines = [
    `${what}, opset ${opset}${producer === "" ? "" : `, from ${producer}`}`,
    ...inputs.map((port) => `  input   ${portText(port)}`),
    ...outputs.map((port) => `  output  ${portText(port)}`),
    ...(inputs.length === 0 ? declaredLines(proto) : []),
    `  ${counted(operators.length, "operator")}: ${operators.map(([name, count]) => (count === 1 ? name : `${name} × ${count}`)).join(", ")}`,
    `  ${parameters} parameters`,
    ...verdictLines(verdicts),
  ];
  return `${lines.join("\n")}\n`;
}

/** `1 node`, `2 nodes`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Inputs and outputs of a refused model, as its file declares them. */
function declaredLines({ graph }: ModelProto): string[] {
  const line = (kind: string, name: string): string =>
    `  ${kind}${name}: (${declaredSizes(graph, name).join(", ")}) as declared`;
  return [
    ...inputNames(graph).map((name) => line("input   ", name)),
    ...graph.outputs.map(({ name = "" }) => line("output  ", name)),
  ];
}

function portText({ name, shape, dtype, batchAxis, shared }: Port): string {
  if (shared) return `${name}: ${showShape(shape)}, shared by all rows, ${dtype}`;
  const batch = batchAxis === null ? "no batch axis: the whole is one row" : `batch axis ${batchAxis}`;
  return `${name}: rows of ${showShape(shape)}, ${dtype}, ${batch}`;
}
