/**
 * Models of the command line: an ONNX file, or a function of a module of the user's.
 *
 * In: `net.onnx` or `file.js#name`. Out: a model that gives its program for a signature. Always: what goes wrong inside the
 * user's function is told as the function's mistake, with its line.
 */

import { basename } from "node:path";
import type { FloatType } from "../data/shape.ts";
import { JacrowError, UsageError } from "../errors.ts";
import type { Program } from "../ir/types.ts";
import { loadFile } from "../onnx/files.ts";
import { importModel } from "../onnx/import.ts";
import { readModel } from "../onnx/model.ts";
import { isRowFunction } from "../trace/row-function.ts";
import { type AnyFunction, type InputSpec, type Signature, trace } from "../trace/trace.ts";
import { type Arguments, badValue } from "./command.ts";
import { fileStep } from "./exit.ts";
import { importExport } from "./user-module.ts";

/** A model that has been found. */
export interface Model {
  /** `net.onnx`, `arm.js#arm`: for people. */
  readonly name: string;
  /** What it computes in; undefined where the rows decide. */
  readonly dtype: FloatType | undefined;
  /** Its inputs; undefined for a plain function, which learns them from the rows. */
  readonly inputs: readonly InputSpec[] | undefined;
  /** What it computes for one row of these inputs. */
  program(signature: Signature): Program;
}

/** What a person may say about a model. */
export interface ModelOptions {
  readonly batchAxis?: number | null | Readonly<Record<string, number | null>>;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly allowZero: boolean;
}

/** Finds the model that `word` names. */
export async function loadModel(word: string, options: ModelOptions): Promise<Model> {
  const [, path = "", name] = /^(.*?)(?:#([^#/\\]*))?$/s.exec(word) ?? [];
  const isModule = /\.[cm]?[jt]sx?$/.test(path);
  if (isModule && name) return moduleModel(path, name, options);
  if (isModule) {
    throw new UsageError(
      "JR604",
      `${path} is a module; say which of its functions: ${path}#NAME (jacrow inspect ${path} lists them)`,
    );
  }
  const advice = advices.find(([ending]) => ending.test(path))?.[1];
  if (advice !== undefined) throw new UsageError("JR604", `${path} is no model: ${advice}`);
  return onnxModel(word, options);
}

/** What to do with files that are often given for a model. */
const advices: readonly (readonly [ending: RegExp, advice: string])[] = [
  [/\.(npy|npz|safetensors|csv)$/i, "it holds arrays; the model comes first, the rows after it"],
  [
    /\.(pt|pth|ckpt|bin)$/i,
    "export the network from PyTorch with torch.onnx.export (jacrow --help shows how)",
  ],
  [/\.(h5|keras|pb|tflite)$/i, 'export the network to ONNX, in Keras with model.export(PATH, format="onnx")'],
];

async function onnxModel(path: string, { batchAxis, sizes }: ModelOptions): Promise<Model> {
  const { bytes, what, external } = await fileStep(() => loadFile(path));
  const proto = await fileStep(() => readModel(bytes, what));
  const { program, dtype } = importModel(proto, { batchAxis, sizes, what, external });
  return programModel(basename(path), program, dtype);
}

async function moduleModel(path: string, name: string, { allowZero }: ModelOptions): Promise<Model> {
  const f = await importExport(path, name);
  const full = `${basename(path)}#${name}`;
  if (isRowFunction(f)) return programModel(full, f.program, undefined);
  if (typeof f !== "function") {
    throw new UsageError("JR620", `${full} is a ${typeof f}; a function of one row is needed`);
  }
  return {
    name: full,
    dtype: undefined,
    inputs: undefined,
    program: (signature) => traced(f as AnyFunction, { full, signature, allowZero }),
  };
}

function programModel(name: string, program: Program, dtype: FloatType | undefined): Model {
  const inputs = program.inputs.map(
    ({ name: input, shape, level }): InputSpec => ({
      name: input,
      shape,
      level: level === "row" ? "row" : "bound",
    }),
  );
  return { name, dtype, inputs, program: () => program };
}

function traced(
  f: AnyFunction,
  { full, signature, allowZero }: { full: string; signature: Signature; allowZero: boolean },
): Program {
  try {
    return trace(f, signature, { allowUnread: allowZero }).program;
  } catch (error) {
    if (error instanceof JacrowError) throw error;
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new UsageError("JR612", `${full} threw ${message}${placeOf(error)}`, { cause: error });
  }
}

/** The first line of the stack that is in a file. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const [, file, line] = /([^/\\\s(]+\.[cm]?[jt]sx?)(?:\?[^:]*)?:(\d+):\d+/.exec(stack) ?? [];
  return file === undefined ? "" : ` (at ${file}:${line})`;
}

/** Options of commands about a model's inputs. */
export function modelOptions(args: Arguments): ModelOptions {
  const batchAxis = batchAxisOf(args.text("batch-axis"));
  const sizes = sizesOf(args.list("sizes"));
  return {
    allowZero: args.flag("allow-zero"),
    ...(batchAxis !== undefined && { batchAxis }),
    ...(sizes !== undefined && { sizes }),
  };
}

/** `1`, `none`, or `x=1,u=none`. */
function batchAxisOf(text: string | undefined): ModelOptions["batchAxis"] {
  if (text === undefined) return undefined;
  const axis = (word: string): number | null => {
    if (word === "none") return null;
    if (!/^-?\d+$/.test(word)) throw badValue("batch-axis", text, "an axis, none, or NAME=AXIS,...");
    return Number(word);
  };
  if (!text.includes("=")) return axis(text);
  return Object.fromEntries(pairs("batch-axis", text.split(",")).map(([name, value]) => [name, axis(value)]));
}

/** `x:1=16,time=8`. */
function sizesOf(items: readonly string[] | undefined): Readonly<Record<string, number>> | undefined {
  if (items === undefined) return undefined;
  const entries = pairs("sizes", items).map(([name, value]): [string, number] => {
    if (!/^\d+$/.test(value)) throw badValue("sizes", items.join(","), "NAME=SIZE,...");
    return [name, Number(value)];
  });
  return Object.fromEntries(entries);
}

function pairs(option: string, items: readonly string[]): [string, string][] {
  return items.map((item) => {
    const [, name, value] = /^(.+)=(.+)$/.exec(item) ?? [];
    if (name === undefined || value === undefined) throw badValue(option, items.join(","), "NAME=VALUE,...");
    return [name, value];
  });
}
