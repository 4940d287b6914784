/**
 * What `jacobian`, `check` and `explain` have in common: a model, its rows, and the program between them.
 *
 * In: a command's arguments. Out: open rows and the program of the chosen outputs. Always: whoever gets a job closes its rows.
 */

import { provideNodeParts } from "../api/node-parts.ts";
import type { Effort, JacobianRequest, Mode } from "../autodiff/index.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import type { Program } from "../ir/types.ts";
import { smooth } from "../optimize/smooth.ts";
import { compileKernel, type Kernel, type KernelOptions } from "../runtime/kernel.ts";
import { usualThreads } from "../runtime/threads/platform.ts";
import type { Signature } from "../trace/trace.ts";
import type { Arguments } from "./command.ts";
import { loadModel, type Model, modelOptions } from "./model.ts";
import { inputFiles } from "./row-words.ts";
import { openAll, type RowBlocks } from "./rows.ts";
import { chosenInputs, withOutputs } from "./selection.ts";

provideNodeParts();

/** How to compute. */
export interface Compute {
  readonly mode: Mode;
  readonly effort: Effort;
  readonly device: KernelOptions["device"];
  readonly dtype: FloatType;
  readonly threads: number;
  readonly deterministic: boolean;
}

/** A model whose program is known. */
export interface Subject {
  readonly model: Model;
  /** The values of the chosen outputs. */
  readonly program: Program;
  /** Positions of the inputs to differentiate by. */
  readonly wrt: readonly number[];
  readonly compute: Compute;
  /** What to ask the planner for. */
  readonly request: JacobianRequest;
}

/** A model with its rows. */
export interface Job extends Subject {
  readonly rows: RowBlocks;
}

/** Opens the model and the rows that the words of a command name. */
export async function openJob(args: Arguments): Promise<Job> {
  const options = computeOf(args);
  const model = await loadModel(args.words[0] ?? "", modelOptions(args));
  const rows = await openRowsOf(model, args, options.dtype);
  try {
    const compute = { ...options, dtype: rows.dtype };
    return { ...subjectOf(model, args, { signature: rows.signature, compute }), rows };
  } catch (error) {
    rows.close();
    throw error;
  }
}

/** Opens the model alone; rows, where there are some, only tell their shape. */
export async function openSubject(args: Arguments): Promise<Subject> {
  if (args.words.length > 1) {
    const { rows, ...subject } = await openJob(args);
    rows.close();
    return subject;
  }
  const options = computeOf(args);
  const model = await loadModel(args.words[0] ?? "", modelOptions(args));
  if (model.inputs === undefined) {
    throw new UsageError(
      "JR603",
      `${model.name} is a function: a rows file after it must tell the shape of its rows`,
    );
  }
  const signature: Signature = { inputs: model.inputs, structure: { kind: "array", items: [] } };
  const compute = { ...options, dtype: options.dtype ?? model.dtype ?? "f64" };
  return subjectOf(model, args, { signature, compute });
}

function openRowsOf(model: Model, args: Arguments, dtype: FloatType | undefined): Promise<RowBlocks> {
  const words = args.words.slice(1);
  return openAll({
    files: inputFiles(model, words),
    shared: args.list("shared") ?? [],
    key: args.text("key"),
    range: args.text("rows"),
    dtype: dtype ?? model.dtype,
    words,
  });
}

function subjectOf(
  model: Model,
  args: Arguments,
  { signature, compute }: { signature: Signature; compute: Compute },
): Subject {
  const beta = args.number("smooth");
  const own = model.program(signature);
  const program = withOutputs(beta === undefined ? own : smooth(own, { beta }), args.list("outputs"));
  const wrt = chosenInputs(program, args.list("wrt"));
  const { mode, effort } = compute;
  const request = { wrt, mode, effort, allowZero: args.flag("allow-zero") };
  return { model, program, wrt, compute, request };
}

/** The options of computing; the width only if one was asked for. */
function computeOf(args: Arguments): Omit<Compute, "dtype"> & { readonly dtype: FloatType | undefined } {
  return {
    mode: args.choice("mode", ["auto", "forward", "reverse"]) ?? "auto",
    effort: args.choice("effort", ["quick", "default", "thorough"]) ?? "default",
    device: args.choice("device", ["wasm", "native", "auto", "interpreter"]) ?? "auto",
    dtype: args.choice("dtype", ["f32", "f64"]),
    threads: args.count("threads") ?? usualThreads(),
    deterministic: args.flag("deterministic"),
  };
}

/** Compiles a program as the options say. */
export function compile(
  program: Program,
  { device, dtype, threads, deterministic }: Compute,
): Promise<Kernel> {
  return compileKernel(program, { device, dtype, threads, deterministic });
}
