/**
 * Damaged files: models and data files with a few bytes or fields changed, read by jacrow.
 *
 * In: a number. Out: the file of that number and how jacrow took it: read, refused in words, or a fault (another kind of error, more than a
 * second of processor time, or more memory than 4 × file + 64 MB before the refusal). Always: a number names the same
 * file in every run. Arrays are counted where they are asked for, so one that is never touched counts too.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { readNpy, writeNpy } from "../../src/data/npy.ts";
import { readNpz, writeNpz } from "../../src/data/npz.ts";
import { readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import { InternalError, JacrowError } from "../../src/errors.ts";
import { at, range } from "../../src/ir/shape.ts";
import { encodeMessage, type Plain } from "../../src/onnx/export/encode.ts";
import { fields, type MessageName } from "../../src/onnx/fields.ts";
import { decodeMessage, type NumberRun, varintsOf } from "../../src/onnx/wire.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { graph } from "../onnx/encode.ts";
import { goldens } from "../onnx/support.ts";
import { allocated } from "./allocated.ts";

/** A whole file, how it is read, and for models its fields, which may be changed too. */
interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly message?: Plain;
  readonly read: (bytes: Uint8Array) => unknown;
}

/** How a damaged file was taken. */
export interface Outcome {
  readonly number: number;
  readonly seed: string;
  readonly taken: "read" | "refused" | "fault";
  /** The code of the refusal, or what is wrong. */
  readonly why: string;
  readonly milliseconds: number;
  readonly bytes: number;
}

const MOST_MILLISECONDS = 1000;
const mostBytes = ({ length }: Uint8Array): number => 4 * length + 64 * 2 ** 20;

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of a list. */
const pick = <T>(random: () => number, list: readonly T[]): T => at(list, Math.floor(random() * list.length));

/** Every golden model, a model with weights in another file (in `folder`), and one file of each data format. */
export function seedsIn(folder: string): Seed[] {
  mkdirSync(folder, { recursive: true });
  const data = new Map([
    ["x", { data: Float32Array.from(range(24), Math.sin), shape: [4, 6] }],
    ["count", { data: Int32Array.of(1, 2, 3), shape: [3] }],
  ]);
  const one = { data: Float64Array.from(range(12), Math.cos), shape: [3, 4] };
  return [
    ...goldens().map(({ name, bytes }) => model(name, bytes, loadOnnx)),
    model("external", external(folder), (bytes) => {
      writeFileSync(join(folder, "model.onnx"), bytes);
      return loadOnnx(join(folder, "model.onnx"));
    }),
    { name: "npy", bytes: writeNpy(one), read: (bytes) => readNpy(bytes) },
    {
      name: "npz",
      bytes: writeNpz(data),
      read: (bytes) =>
        readNpz(bytes, { inflate: (all, most) => inflateRawSync(all, { maxOutputLength: most }) }),
    },
    { name: "safetensors", bytes: writeSafetensors(data), read: (bytes) => readSafetensors(bytes) },
  ];
}

function model(name: string, bytes: Uint8Array, read: Seed["read"]): Seed {
  return { name, bytes, read, message: unpacked("Model", decodeMessage(bytes, "Model", name)) };
}

/** x Wᵀ + b with W in a file of its own. */
function external(folder: string): Uint8Array {
  writeFileSync(join(folder, "weights.bin"), new Uint8Array(Float32Array.from(range(7)).buffer));
  const entries = { location: "weights.bin", offset: "4", length: "24" };
  const weights = {
    name: "w",
    dims: [3, 2],
    type: 1,
    location: 1,
    external: Object.entries(entries).map(([key, value]) => ({ key, value })),
  };
  const plain = graph({
    inputs: { x: ["n", 2] },
    outputs: ["y"],
    nodes: [["Gemm", ["x", "w", "b"], ["y"], { transB: 1 }]],
    tensors: [{ name: "b", shape: [3], values: [1, 0, -1] }],
  });
  const whole = { ...plain, initializers: [...(plain["initializers"] as object[]), weights] };
  return encodeMessage("Model", {
    irVersion: 10,
    graph: whole,
    operatorSets: [{ version: 21 }],
  });
}

/** A decoded message with its runs of numbers as lists, as the encoder takes them. */
function unpacked(name: MessageName, message: Plain): Plain {
  const kinds = new Map(Object.values(fields[name]).map((field) => [field.name, field]));
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => {
      const { kind, many } = kinds.get(key) ?? { kind: "text", many: false };
      if (kind === "int" && many) return [key, varintsOf(value as NumberRun[], key)];
      if ((kind === "float" || kind === "double") && many)
        return [key, (value as NumberRun[]).flatMap((run) => numbersOf(run, kind))];
      if (!(kind in fields)) return [key, value];
      const inner = (one: unknown): Plain => unpacked(kind as MessageName, one as Plain);
      return [key, many ? (value as unknown[]).map(inner) : inner(value)];
    }),
  );
}

function numbersOf(run: NumberRun, kind: "float" | "double"): number[] {
  if (!(run instanceof Uint8Array)) return run;
  const { buffer } = run.slice();
  return [...(kind === "float" ? new Float32Array(buffer) : new Float64Array(buffer))];
}

/** Numbers where programs go wrong. */
const traps = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  -1,
  -2,
  255,
  256,
  65_535,
  65_536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  2 ** 53,
  -(2 ** 63),
];

/** A few bytes set, flipped, cut out, doubled, or replaced by a large number. */
function damaged(bytes: Uint8Array, random: () => number): Uint8Array {
  const spot = (length: number): number => Math.floor(random() * length);
  let file = Uint8Array.from(bytes);
  for (let edits = 1 + spot(4); edits > 0 && file.length > 0; edits--) {
    // Half of the edits are made where headers are: large files are weights from there on.
    const start = random() < 0.5 ? spot(file.length) : spot(Math.min(file.length, 400));
    const length = Math.min(1 + spot(40), file.length - start);
    const kind = spot(6);
    if (kind === 0) file[start] = spot(256);
    else if (kind === 1) file[start] = (file[start] as number) ^ (1 << spot(8));
    else if (kind === 2) file = joined([file.subarray(0, start), file.subarray(start + length)]);
    else if (kind === 3) file = joined([file.subarray(0, start + length), file.subarray(start)]);
    else if (kind === 4) file = file.slice(0, start);
    else
      file.set(
        new Uint8Array(Float64Array.of(pick(random, traps)).buffer).subarray(0, length),
        start < file.length - 8 ? start : 0,
      );
  }
  return file;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

type Open = Record<string, unknown>;

/** The message with one to three fields changed: numbers, names, or entries of lists dropped, doubled and swapped. */
function reworded(message: Plain, random: () => number): Uint8Array {
  let changed = message;
  for (let edits = 1 + Math.floor(3 * random()); edits > 0; edits--)
    changed = withEdit(changed, random) as Plain;
  return encodeMessage("Model", changed);
}

/** A copy in which one leaf, reached by chance, is changed. */
function withEdit(value: unknown, random: () => number): unknown {
  if (typeof value === "number")
    return random() < 0.5 ? pick(random, traps) : value + Math.floor(5 * random()) - 2;
  if (typeof value === "string") return random() < 0.5 ? pick(random, words) : value.slice(1);
  if (value instanceof Uint8Array)
    return value.length > 64
      ? value.subarray(0, Math.floor(random() * value.length))
      : damaged(value, random);
  if (Array.isArray(value)) return withListEdit(value, random);
  const entries = Object.entries(value as Open).filter(
    ([, inner]) => !(Array.isArray(inner) && inner.length === 0),
  );
  if (entries.length === 0) return value;
  const [key, inner] = pick(random, entries);
  if (random() < 0.03)
    return Object.fromEntries(Object.entries(value as Open).filter(([name]) => name !== key));
  return { ...(value as Open), [key]: withEdit(inner, random) };
}

function withListEdit(list: readonly unknown[], random: () => number): unknown[] {
  if (list.length === 0) return [];
  const place = Math.floor(random() * list.length);
  const kind = random();
  if (kind < 0.06) return list.toSpliced(place, 1);
  if (kind < 0.12) return list.toSpliced(place, 0, list[place]);
  if (kind < 0.18) return list.with(place, pick(random, list));
  return list.with(place, withEdit(list[place], random));
}

const words =
  "Add MatMul Gemm Reshape Expand Tile Conv ConvTranspose Pad Resize Range ConstantOfShape OneHot Gather GatherND ScatterND TopK Slice Split Concat EyeLike Loop Scan If LSTM GRU Einsum MaxPool CumSum Softmax x y n axis axes perm".split(
    " ",
  );

/** Reads the damaged file of a number; a slow one once more, for garbage of others may be collected in its time. */
export async function tryMutant(seeds: readonly Seed[], number: number): Promise<Outcome> {
  const random = randomFrom(number);
  const { name, bytes, message, read } = pick(random, seeds);
  const file = message !== undefined && random() < 0.5 ? reworded(message, random) : damaged(bytes, random);
  const first = await attempt(read, file);
  const { error, ...costs } =
    first.milliseconds > MOST_MILLISECONDS || first.bytes > mostBytes(file)
      ? await attempt(read, file)
      : first;
  const fault = faultOf(error) ?? excess(costs, file);
  const code = error instanceof JacrowError ? error.code : "";
  const taken = fault !== undefined ? "fault" : error === undefined ? "read" : "refused";
  return { number, seed: name, taken, why: fault ?? code, ...costs };
}

interface Costs {
  readonly milliseconds: number;
  readonly bytes: number;
}

async function attempt(read: Seed["read"], file: Uint8Array): Promise<Costs & { error: unknown }> {
  const before = { cpu: process.cpuUsage(), peak: process.resourceUsage().maxRSS };
  const { error, bytes } = await allocated(() => read(file));
  const { user, system } = process.cpuUsage(before.cpu);
  const grown = 1024 * (process.resourceUsage().maxRSS - before.peak);
  return { error, milliseconds: (user + system) / 1000, bytes: Math.max(bytes, grown) };
}

function excess({ milliseconds, bytes }: Costs, file: Uint8Array): string | undefined {
  if (milliseconds > MOST_MILLISECONDS) return `${milliseconds.toFixed()} ms of processor`;
  if (bytes > mostBytes(file)) return `${(bytes / 2 ** 20).toFixed()} MB for a file of ${file.length} bytes`;
  return undefined;
}

/** What is wrong with an error: only the user's mistakes and missing features may come out. */
function faultOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  if (error instanceof JacrowError && !(error instanceof InternalError)) return undefined;
  if (!(error instanceof Error)) return "something was thrown that is no error";
  const stack = error.stack?.split("\n").slice(1, 6).join("\n");
  return `${error.name}: ${error.message.slice(0, 200)}\n${stack}`;
}
