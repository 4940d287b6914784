/**
 * The rows of a command: open files, read block by block.
 *
 * In: one `.npy` file (or an array of an `.npz` or `.safetensors` file) per input. Out: the signature, the number of rows, and blocks of floats of one width. Always: no more
 * than a block is in memory, all row files have the same number of rows, and what a conversion lost is told.
 */

import { npyToFloat } from "../data/npy.ts";
import { type NpyFile, openRows, type RowRange } from "../data/read-file.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { sameShape, showShape, sizeOf } from "../ir/shape.ts";
import type { InputSpec, Signature } from "../trace/trace.ts";
import { fileStep } from "./exit.ts";
import { rangeOf } from "./range.ts";
import { type InputFile, rowWord } from "./row-words.ts";

/** How to open rows. */
export interface RowsRequest {
  readonly files: readonly InputFile[];
  /** Names of inputs of a plain function that all rows share. */
  readonly shared: readonly string[];
  /** `--key NAME`: the array of files that hold several. */
  readonly key: string | undefined;
  /** `--rows A:B`. */
  readonly range: string | undefined;
  /** What the user or the model says; else the files decide. */
  readonly dtype: FloatType | undefined;
  /** The words as given: named ones make one argument of names. */
  readonly words: readonly string[];
}

interface Opened {
  readonly input: InputSpec;
  readonly path: string;
  readonly file: NpyFile;
}

/** Opens the files and checks their shapes against the model. */
export async function openAll(request: RowsRequest): Promise<RowBlocks> {
  const opened: Opened[] = [];
  try {
    for (const file of request.files) opened.push(await openOne(file, request));
    return new RowBlocks(opened, request);
  } catch (error) {
    for (const { file } of opened) file.close();
    throw error;
  }
}

async function openOne(
  { name, path, spec }: InputFile,
  { shared, key }: Pick<RowsRequest, "shared" | "key">,
): Promise<Opened> {
  const file = await fileStep(() => openRows(path, { key, likely: name }));
  try {
    return { input: inputOf({ name, path, spec }, file, shared), path, file };
  } catch (error) {
    file.close();
    throw error;
  }
}

function inputOf({ name, path, spec }: InputFile, file: NpyFile, shared: readonly string[]): InputSpec {
  const isShared = spec === undefined ? shared.includes(name) : spec.level === "bound";
  const shape = isShared ? file.shape : file.rowShape;
  if (!isShared && file.shape.length === 0) {
    throw new UsageError(
      "JR606",
      `${path} is one number where rows are meant; save an array whose first axis is the row`,
    );
  }
  if (spec === undefined) return { name, shape, level: isShared ? "bound" : "row" };
  if (sameShape(shape, spec.shape)) return spec;
  const wanted = isShared ? showShape(spec.shape) : `(n, ${spec.shape.join(", ")})`.replace(", )", ",)");
  const isOneRow = !isShared && sameShape(file.shape, spec.shape);
  const advice = isOneRow ? "; it is one row: save x[None] instead" : "";
  throw new UsageError(
    "JR606",
    `${path} has shape ${showShape(file.shape)}, but input "${name}" takes ${wanted}${advice}`,
  );
}

/** Rows that are read block by block. */
export class RowBlocks {
  readonly signature: Signature;
  readonly dtype: FloatType;
  /** The rows that were asked for. */
  readonly range: RowRange;
  readonly #opened: readonly Opened[];
  readonly #notes = new Map<string, string>();
  #strange: { readonly count: number; readonly first: number } | undefined;

  constructor(opened: readonly Opened[], { range, dtype, words }: RowsRequest) {
    this.#opened = opened;
    this.signature = signatureOf(opened, words);
    this.range = rangeOf(range, commonCount(opened));
    const isSingle = opened.every(({ file }) => file.dtype === "float32" || file.dtype === "float16");
    this.dtype = dtype ?? (isSingle ? "f32" : "f64");
  }

  /** Number of rows asked for. */
  get n(): number {
    return this.range.end - this.range.start;
  }

  /** Numbers of one row, all inputs together. */
  get cellsPerRow(): number {
    return this.signature.inputs.reduce(
      (sum, { shape, level }) => sum + (level === "row" ? sizeOf(shape) : 0),
      0,
    );
  }

  /** What happened to the numbers on the way: conversions, NaN. */
  get notes(): readonly string[] {
    const strange = this.#strange;
    if (strange === undefined) return [...this.#notes.values()];
    const what = `${strange.count} row${strange.count === 1 ? " holds" : "s hold"} NaN or infinity (the first is row ${strange.first})`;
    return [...this.#notes.values(), `${what}; their results may, too`];
  }

  /** Blocks in order, one array per input; `size` is asked for each how many rows it may have. */
  async *blocks(
    size: () => number,
  ): AsyncGenerator<RowRange & { readonly data: readonly (Float32Array | Float64Array)[] }> {
    const { start: first, end: last } = this.range;
    for (let start = first; start < last; ) {
      const block = { start, end: Math.min(start + size(), last) };
      yield { ...block, data: await this.read(block) };
      start = block.end;
    }
  }

  /** These rows of every input, and the whole of shared ones. */
  async read(block: RowRange): Promise<(Float32Array | Float64Array)[]> {
    return Promise.all(this.#opened.map((one) => fileStep(() => this.#readOne(one, block))));
  }

  close(): void {
    for (const { file } of this.#opened) file.close();
  }

  #readOne({ input, path, file }: Opened, block: RowRange): Float32Array | Float64Array {
    const isRow = input.level === "row";
    const { data, report } = npyToFloat(isRow ? file.read(block) : file.read(), this.dtype);
    const known = this.#notes.get(path);
    // Losses come in brackets; the first block that has some is told.
    if (report !== undefined && (known === undefined || (!known.includes("(") && report.includes("(")))) {
      this.#notes.set(path, `${path}: ${report}`);
    }
    if (isRow) this.#look(data, block.start, sizeOf(input.shape));
    return data;
  }

  #look(data: Float32Array | Float64Array, start: number, width: number): void {
    let last = -1;
    for (let cell = 0; cell < data.length; cell++) {
      if (Number.isFinite(data[cell])) continue;
      const row = Math.floor(cell / width);
      if (row === last) continue;
      last = row;
      const { count, first } = this.#strange ?? { count: 0, first: start + row };
      this.#strange = { count: count + 1, first };
    }
  }
}

/** Named words make one argument of names, others one argument each. */
function signatureOf(opened: readonly Opened[], words: readonly string[]): Signature {
  const inputs = opened.map(({ input }) => input);
  const isNamed = words.some((word) => rowWord(word).name !== undefined);
  const leaves = inputs.map((_, index) => ({ kind: "leaf", index }) as const);
  const entries = inputs.map(({ name }, index) => [name, { kind: "leaf", index }] as const);
  return { inputs, structure: { kind: "array", items: isNamed ? [{ kind: "object", entries }] : leaves } };
}

function commonCount(opened: readonly Opened[]): number {
  const counted = opened.filter(({ input }) => input.level === "row");
  const [first] = counted;
  if (first === undefined)
    throw new UsageError("JR606", "every input is shared: at least one must have rows");
  const odd = counted.find(({ file }) => file.n !== first.file.n);
  if (odd === undefined) return first.file.n;
  throw new UsageError("JR606", `${first.path} has ${first.file.n} rows, but ${odd.path} has ${odd.file.n}`);
}
