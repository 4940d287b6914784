/** What the ONNX tests share: imported models, rows through the interpreter's table, golden folders. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readNpyFile } from "../../src/data/read-file.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { type ImportedModel, type ImportOptions, importModel } from "../../src/onnx/import.ts";
import { readModel } from "../../src/onnx/model.ts";
import { evaluateHere } from "../devices/here.ts";
import { type ModelSpec, model } from "./encode.ts";

/** Imports bytes or a small model. */
export function imported(
  source: Uint8Array | ModelSpec,
  options: Partial<ImportOptions> = {},
): ImportedModel {
  const bytes = source instanceof Uint8Array ? source : model(source);
  return importModel(readModel(bytes, "model"), { what: "model", ...options });
}

/** The outputs of one row. */
export function runRow(program: Program, ...rows: readonly (readonly number[] | Float64Array)[]): number[][] {
  const inputs = program.inputs.map(({ shape }, index) => ({
    data: Float64Array.from(rows[index] ?? []),
    shape,
  }));
  return evaluateHere(program, inputs).map(({ data }) => Array.from(data));
}

const root = fileURLToPath(new URL("../fixtures/onnx/", import.meta.url));

/** One golden case. */
export interface Golden {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly meta: {
    readonly n: number;
    readonly mixes_rows?: boolean;
    readonly offending_node?: string;
    readonly offending_op?: string;
  };
  /** A file of numbers of the case, e.g. `Y` or `Z_u`. */
  readonly read: (name: string) => Float64Array;
}

/** All golden cases. */
export function goldens(): Golden[] {
  const names = readdirSync(root).filter((name) => existsSync(`${root}${name}/model.onnx`));
  return names.map((name) => ({
    name,
    bytes: new Uint8Array(readFileSync(`${root}${name}/model.onnx`)),
    meta: JSON.parse(readFileSync(`${root}${name}/meta.json`, "utf8")) as Golden["meta"],
    read: (file) => Float64Array.from(readNpyFile(`${root}${name}/${file}.npy`).data as Float64Array),
  }));
}

/** Row `index` of each input of a golden case. */
export function goldenRow({ read }: Golden, { inputs }: ImportedModel, index: number): Float64Array[] {
  return inputs.map(({ name, shape }) => {
    const size = sizeOf(shape);
    return read(inputs.length > 1 ? `X_${name}` : "X").subarray(index * size, (index + 1) * size);
  });
}

/** max |a − b| / max |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [difference, largest] = [0, 0];
  for (let index = 0; index < b.length; index++) {
    const gap = Math.abs((a[index] as number) - (b[index] as number));
    difference = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(difference, gap);
    largest = Math.max(largest, Math.abs(b[index] as number));
  }
  return difference / largest;
}
