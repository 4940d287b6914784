/**
 * The ONNX node tests as cases of one row: forward against the suite's output, Jacobians against differences.
 *
 * In: the archive of node tests. Out: a verdict per case: passed, refused (with our reason) or failed (with how far off).
 * Integer and boolean inputs become constants of the model; float inputs are one row each. Directions in which the
 * function has a kink (one-sided differences disagree) are left out of the comparison.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { jacobianProgram, type Mode } from "../../src/autodiff/index.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import { inline, programOf } from "../../src/ir/graph.ts";
import { at, range, sizeOf } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { type ImportedModel, importModel } from "../../src/onnx/import.ts";
import { type ModelProto, readModel, type TensorProto } from "../../src/onnx/model.ts";
import { readTensor, shapeOf } from "../../src/onnx/tensor.ts";
import { decodeMessage } from "../../src/onnx/wire.ts";
import { evaluateHere } from "../devices/here.ts";
import { classes, type Priority, priorityOf } from "./priorities.ts";

/** One case of the suite. */
export interface Case {
  readonly name: string;
  readonly model: Uint8Array;
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

/** What came of a case. */
export interface Verdict {
  readonly name: string;
  readonly priority: Priority;
  readonly verdict: "passed" | "refused" | "failed";
  readonly reason: string;
}

/** The files of a tar archive by path. */
function untar(bytes: Uint8Array): Map<string, Uint8Array> {
  const text = new TextDecoder();
  const files = new Map<string, Uint8Array>();
  for (let offset = 0; offset + 512 <= bytes.length; ) {
    const header = bytes.subarray(offset, offset + 512);
    const field = (start: number, length: number): string =>
      text.decode(header.subarray(start, start + length)).replace(/\0.*$/s, "");
    const size = Number.parseInt(field(124, 12), 8) || 0;
    const name = field(345, 155) === "" ? field(0, 100) : `${field(345, 155)}/${field(0, 100)}`;
    if (size > 0) files.set(name, bytes.slice(offset + 512, offset + 512 + size));
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** Every case of an archive. */
export function readCases(path: string): Case[] {
  const files = untar(gunzipSync(readFileSync(path)));
  const models = [...files.keys()].filter((name) => name.endsWith("/model.onnx"));
  const listed = (folder: string, kind: string): Uint8Array[] =>
    range(32).flatMap((index) => files.get(`${folder}/test_data_set_0/${kind}_${index}.pb`) ?? []);
  return models.map((name) => {
    const folder = name.slice(0, -"/model.onnx".length);
    return {
      name: folder.split("/").at(-1) ?? "",
      model: files.get(name) as Uint8Array,
      inputs: listed(folder, "input"),
      outputs: listed(folder, "output"),
    };
  });
}

function tensorOf(bytes: Uint8Array): TensorProto {
  return decodeMessage(bytes, "Tensor", "a tensor of the suite") as unknown as TensorProto;
}

const isFloat = ({ type }: TensorProto): boolean => type === 1 || type === 11 || type === 10 || type === 16;

/** The model with these inputs fixed to the case's tensors, and all declared shapes those of the tensors. */
function withFixedInputs(
  model: ModelProto,
  tensors: readonly TensorProto[],
  free: (tensor: TensorProto, index: number) => boolean,
): ModelProto {
  const { graph } = model;
  const inputs = graph.inputs.map((input, index) => {
    const tensor = tensors[index];
    const dims =
      tensor === undefined ? [] : shapeOf(tensor, "a tensor of the suite").map((value) => ({ value }));
    return { ...input, type: { tensor: { element: tensor?.type ?? 1, shape: { dims } } } };
  });
  const fixed = tensors.flatMap((tensor, index) =>
    free(tensor, index) ? [] : [{ ...tensor, name: graph.inputs[index]?.name ?? "" }],
  );
  return { ...model, graph: { ...graph, inputs, initializers: [...graph.initializers, ...fixed] } };
}

interface Ready {
  readonly model: ImportedModel;
  readonly rows: readonly Float64Array[];
}

/** Imports a case; floats that must be known while importing are fixed in a second try. */
function imported({ name, model, inputs }: Case): Ready {
  const tensors = inputs.map(tensorOf);
  const attempt = (free: (tensor: TensorProto, index: number) => boolean): Ready => {
    const fixed = withFixedInputs(readModel(model, name), tensors, free);
    const rows = tensors
      .filter(free)
      .map((tensor) => Float64Array.from(readTensor({ ...tensor, name: "x" }, name).values));
    return { model: importModel(fixed, { what: name, batchAxis: null }), rows };
  };
  try {
    return attempt(isFloat);
  } catch (error) {
    if (!(error instanceof UnsupportedError) || !error.message.includes("must be known")) throw error;
    return attempt((tensor, index) => isFloat(tensor) && index === 0);
  }
}

/** Runs one case; Jacobians of more than `mostCells` entries (all by default) are not compared. */
export function judge(one: Case, mostCells: number = Number.POSITIVE_INFINITY): Verdict {
  return { ...verdictOf(one, mostCells), priority: priorityOf(readModel(one.model, one.name)) };
}

function verdictOf(one: Case, mostCells: number): Omit<Verdict, "priority"> {
  const { name } = one;
  try {
    const ready = imported(one);
    const forward = forwardError(one, ready);
    if (forward !== undefined) return { name, verdict: "failed", reason: `forward: ${forward}` };
    const derivative =
      ready.rows.length === 0 || jacobianCells(ready) > mostCells ? undefined : derivativeError(ready);
    if (derivative !== undefined) return { name, verdict: "failed", reason: `Jacobian: ${derivative}` };
    return { name, verdict: "passed", reason: "" };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      name,
      verdict: error instanceof UnsupportedError ? "refused" : "failed",
      reason: message.split("\n").slice(0, 3).join(" ").slice(0, 160),
    };
  }
}

function run({ model }: Ready, rows: readonly Float64Array[]): Float64Array[] {
  return evaluateHere(
    model.program,
    model.program.inputs.map(({ shape }, index) => ({ data: rows[index] as Float64Array, shape })),
  ).map(({ data }) => data);
}

const TOLERANCE = 1e-4;

function forwardError({ outputs }: Case, ready: Ready): string | undefined {
  const got = run(ready, ready.rows);
  for (const [index, bytes] of outputs.entries()) {
    const { values } = readTensor({ ...tensorOf(bytes), name: "y" }, "an output of the suite");
    const own = got[index] ?? new Float64Array();
    if (own.length !== values.length) return `output ${index} has ${own.length} cells, not ${values.length}`;
    const wrong = own.findIndex((value, cell) => !near(value, values[cell] as number, TOLERANCE));
    if (wrong >= 0) return `output ${index} cell ${wrong} is ${own[wrong]}, not ${values[wrong]}`;
  }
  return undefined;
}

function near(a: number, b: number, tolerance: number): boolean {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
}

/** Most directions, per input, along which differences are formed. */
const DIRECTIONS = 6;

function derivativeError(ready: Ready): string | undefined {
  const { program } = ready.model;
  const small = jacobianCells(ready) <= MOST_JACOBIAN_CELLS;
  const compared = small ? ready : { ...ready, model: { ...ready.model, program: weighted(program) } };
  for (const mode of (small ? ["forward", "reverse"] : ["reverse"]) as Mode[]) {
    const wrong = modeError(compared, mode);
    if (wrong !== undefined) return `${mode}, ${wrong}`;
  }
  return undefined;
}

const MOST_JACOBIAN_CELLS = 20_000;

/** Entries of the largest output's Jacobian by all inputs. */
function jacobianCells({ model: { program } }: Ready): number {
  const largest = Math.max(...program.outputs.map(({ value }) => sizeOf(value.shape)));
  return largest * program.inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** Every output as one number, a sum with weights: its gradient is small where a Jacobian is not. */
function weighted({ name, inputs, outputs }: Program): Program {
  const b = new Builder();
  const own = inputs.map((input) => b.input(input.name, input.shape));
  const values = inline(b, { name, inputs, outputs }, own);
  const sums = values.map((value, index) => {
    const weights = b.constant(
      Float64Array.from({ length: sizeOf(value.shape) }, (_, cell) => Math.cos(cell)),
      value.shape,
    );
    return { name: at(outputs, index).name, value: b.sum(b.mul(value, weights), range(value.shape.length)) };
  });
  return programOf(name, own, sums);
}

function modeError(ready: Ready, mode: Mode): string | undefined {
  const { program } = ready.model;
  const wrt = range(program.inputs.length);
  const derivative = jacobianProgram(program, { wrt, mode, allowZero: true });
  const inputs = program.inputs.map(({ shape }, index) => ({
    data: ready.rows[index] as Float64Array,
    shape,
  }));
  const blocks = evaluateHere(derivative, inputs);
  for (const output of range(program.outputs.length)) {
    for (const input of wrt) {
      const wrong = blockError(ready, { output, input }, at(blocks, output * wrt.length + input).data);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

/** Compares some columns of ∂output/∂input with central differences. */
function blockError(
  ready: Ready,
  { output, input }: { output: number; input: number },
  block: Float64Array,
): string | undefined {
  const row = ready.rows[input] as Float64Array;
  const size = sizeOf(at(ready.model.program.inputs, input).shape);
  for (const k of range(Math.min(size, DIRECTIONS)).map((index) =>
    Math.floor((index * size) / Math.min(size, DIRECTIONS)),
  )) {
    const step = 1e-5 * Math.min(10, Math.max(1, Math.abs(row[k] as number)));
    const moved = (by: number): Float64Array => {
      const rows = ready.rows.map((values) => values.slice());
      (rows[input] as Float64Array)[k] = (row[k] as number) + by;
      return run(ready, rows)[output] as Float64Array;
    };
    const [up, here, down] = [moved(step), moved(0), moved(-step)];
    for (let j = 0; j < here.length; j++) {
      const [right, left] = [
        ((up[j] as number) - (here[j] as number)) / step,
        ((here[j] as number) - (down[j] as number)) / step,
      ];
      const scale = Math.max(1, Math.abs(right), Math.abs(left), Math.abs(here[j] as number));
      if (!(Math.abs(right - left) < 1e-2 * scale)) continue;
      const got = block[j * size + k] as number;
      if (!(Math.abs(got - (right + left) / 2) < 1e-5 * scale))
        return `∂y${output}[${j}]/∂x${input}[${k}] is ${got}, differences say ${(right + left) / 2}`;
    }
  }
  return undefined;
}

/** A table of verdicts: counts by the operators' priority, then every case that did not pass. */
export function table(verdicts: readonly Verdict[]): string {
  const line = (label: string, own: readonly Verdict[]): string => {
    const count = (wanted: Verdict["verdict"]): number =>
      own.filter(({ verdict }) => verdict === wanted).length;
    const share = ((100 * count("passed")) / own.length).toFixed(1);
    return `${label.padEnd(6)} ${count("passed")} passed, ${count("refused")} refused, ${count("failed")} failed of ${own.length} (${share} %)`;
  };
  const lines = verdicts
    .filter(({ verdict }) => verdict !== "passed")
    .map(
      ({ name, priority, verdict, reason }) =>
        `${verdict.padEnd(8)} ${priority.padEnd(5)} ${name}: ${reason}`,
    );
  return [
    ...classes.map((own) =>
      line(
        own,
        verdicts.filter(({ priority }) => priority === own),
      ),
    ),
    line("all", verdicts),
    ...lines.sort(),
  ].join("\n");
}
