/**
 * A compiled program as native code: rows are read and written where the caller keeps them.
 *
 * Long calls run on threads of the library's own, started by one koffi thread, so the event loop goes on. Shared inputs
 * are bound again only when their numbers change; a bound image is never written once a call may read it.
 */

import { JOB } from "../../codegen/c/run.ts";
import { UsageError } from "../../errors.ts";
import type { InputNode, Program } from "../../ir/types.ts";
import type { Dtype } from "../../lower/lanes.ts";
import { sumCells } from "../../lower/sums.ts";
import { BoundSums } from "../bound-sums.ts";
import { CallArrays, floatsOf } from "../checks.ts";
import { finished, outputLength, outputsOf } from "../finish.ts";
import type { BoundRun, Kernel, KernelInfo } from "../kernel.ts";
import { unwritten } from "../memory.ts";
import { type BoundMemory, Rebinding } from "../rebinding.ts";
import { allSameBits, sharedValues } from "../shared-inputs.ts";
import { boundImage } from "../wasm/bind.ts";
import type { FloatArray } from "../wasm/instance.ts";
import { SHORT_WORK, workOf } from "../work.ts";
import { buildLibrary, buildLibrarySync } from "./build.ts";
import { addressOf, type Library, loadLibrary } from "./library.ts";
import { apartPlan, type NativePlan } from "./plan.ts";
import { type Job, shareRows } from "./share.ts";
import { joinedSums, partialSums, rangesOf } from "./sums.ts";

const LINE_BYTES = 64;
/** In calls of fewer the calling thread takes part: one that is woken is late by a part of what they take. */
const HELPED_WORK = 4e8;
/** Calls of few rows with so many, idle lanes included, repay compiling code for them: about what a compiler takes. */
const COMPILE_WORK = 1e10;
/** About this many chunks per thread: uneven threads end together. */
const CHUNKS = 32;
const NO_SUMS = new Float64Array(0);

/** One call's rows. */
interface Call {
  /** Arrays of the kernel's dtype, one per row input. */
  readonly inputs: readonly FloatArray[];
  /** One per output with a row axis: of `outs` where those have the kernel's dtype. */
  readonly results: readonly FloatArray[];
  readonly shared: readonly FloatArray[];
  /** What the caller gets. */
  readonly outs: FloatArray[];
  readonly rows: number;
  /** Sums over rows, range by range; empty if there are none. */
  readonly sums: Float64Array;
}

/** A thread's job: what it says of rows is written anew only where it changes. */
interface OwnJob extends Job {
  readonly scratch: ArrayBuffer;
  /** The rows it was last written for. */
  rows: number;
}

/** Bound values in memory and the shared inputs they came from. */
interface Image {
  readonly bytes: Uint8Array;
  readonly address: bigint;
  readonly shared: readonly FloatArray[];
}

/** A program run as native code. */
export class NativeRunner implements Kernel {
  readonly program: Program;
  readonly #plan: NativePlan;
  #library: Library | undefined;
  #image: Image | undefined;
  #caller: OwnJob | undefined;
  /** Scratch of the threads that share calls, which follow one after the other. */
  #parallel: ArrayBuffer | undefined;
  /** The latest call on threads. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #rowWork: number;
  readonly #arrays: CallArrays;
  #fewRows: NativeRunner | undefined;
  /** Operations of calls of few rows so far, idle lanes included. */
  #fewWork = 0;
  #isBuilding = false;

  constructor(plan: NativePlan, library: Library) {
    this.program = plan.program;
    this.#plan = plan;
    this.#rowWork = workOf(plan.program);
    this.#arrays = new CallArrays(plan.program, plan.options.dtype, unwritten);
    this.#library = library;
  }

  get info(): KernelInfo {
    const { options, code, fused, threads } = this.#plan;
    const scratch = (this.#caller?.scratch.byteLength ?? 0) + (this.#parallel?.byteLength ?? 0);
    return {
      device: "native",
      dtype: options.dtype,
      threads,
      fused,
      moduleBytes: code.source.length,
      tileRows: code.layout.tileRows,
      scratchBytes: code.scratchBytes,
      memoryBytes: scratch + (this.#image?.bytes.length ?? 0),
    };
  }

  runsAtOnce(n: number): boolean {
    return n * this.#rowWork < SHORT_WORK;
  }

  async run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    if (this.runsAtOnce(n)) return this.runSync(inputs, n, outs);
    const fewRows = this.#forCall(n);
    if (fewRows !== undefined) return fewRows.run(inputs, n, outs);
    const call = this.#checked(inputs, n, outs);
    const turn = this.#queue.then(() => this.#share(call));
    this.#queue = turn.catch(() => {});
    await turn;
    return this.#finish(call);
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    const fewRows = this.#forCall(n);
    if (fewRows !== undefined) return fewRows.runSync(inputs, n, outs);
    const call = this.#checked(inputs, n, outs);
    if (n === 0) return this.#finish(call);
    this.#caller ??= this.#job();
    this.#fill(this.#caller, call);
    this.#functions().run(this.#caller.address);
    return this.#finish(call);
  }

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    const { options, lowered, code } = this.#plan;
    if (n > 0 && n <= this.#plan.mostFewRows) return this.#forFewRows().bindFixed(n, shared);
    const inputs = lowered.inputs.map((port) => floatsOf(options.dtype, n * port.buffer.cells));
    const outs = this.program.outputs.map((output) => floatsOf(options.dtype, outputLength(output, n)));
    const results = outputsOf(this.program, "row", outs);
    const call = { inputs, results, shared, outs, rows: n, sums: this.#sums(n) };
    const { run } = this.#functions();
    const job = this.#job();
    const image = this.#fill(job, call);
    const kept = { run, job, image, address: job.address };
    const rows = n === 0 ? () => {} : () => kept.run(kept.address);
    const memory = (): BoundMemory => {
      kept.image = imageOf(kept.image.bytes, shared);
      job.words[JOB.memory] = kept.image.address;
      return { lowered, code, bytes: kept.image.bytes };
    };
    const rebinding = new Rebinding(memory, sharedValues(this.program, shared));
    const rebind = (numbers: readonly FloatArray[]): void => rebinding.run(numbers);
    if (lowered.sums.length === 0) return { inputs, outputs: outs, run: rows, rebind };
    const finish = this.#boundFinish(call, rebinding.values);
    const all = (): void => {
      rows();
      finish();
    };
    return { inputs, outputs: outs, run: all, rebind };
  }

  /** Joins the sums of a bound run, and evaluates what follows. */
  #boundFinish({ outs, rows, sums: all }: Call, values: ReadonlyMap<InputNode, FloatArray>): () => void {
    const partials = partialSums(all, rangesOf(rows).count);
    const sums = new BoundSums(this.program, { lowered: this.#plan.lowered, partials }, outs);
    return () => sums.finish(values);
  }

  dispose(): void {
    this.#library = undefined;
    this.#image = undefined;
    this.#caller = undefined;
    this.#parallel = undefined;
    this.#fewRows = undefined;
  }

  /** The kernel for so few rows, if there is one by now: it is compiled beside this process once such calls repay that. */
  #forCall(n: number): NativeRunner | undefined {
    const { mostFewRows, code } = this.#plan;
    if (n === 0 || n > mostFewRows) return undefined;
    this.#fewWork += code.width * this.#rowWork;
    const isDue = this.#fewWork > COMPILE_WORK && this.#fewRows === undefined;
    if (isDue && !this.#isBuilding) void this.#buildFewRows();
    return this.#fewRows;
  }

  async #buildFewRows(): Promise<void> {
    this.#isBuilding = true;
    try {
      const plan = apartPlan(this.#plan);
      const path = await buildLibrary(plan.code.source, plan.compiler, { aside: true });
      if (this.#library !== undefined) this.#fewRows ??= new NativeRunner(plan, loadLibrary(path));
    } catch {
      // Tiles give the same bits, later.
    }
  }

  /** A kernel with lanes along features, compiled when it is first wanted. */
  #forFewRows(): NativeRunner {
    this.#functions();
    if (this.#fewRows === undefined) {
      const plan = apartPlan(this.#plan);
      const library = loadLibrary(buildLibrarySync(plan.code.source, plan.compiler));
      this.#fewRows = new NativeRunner(plan, library);
    }
    return this.#fewRows;
  }

  async #share(call: Call): Promise<void> {
    const { threads, code } = this.#plan;
    const library = this.#functions();
    this.#parallel ??= new ArrayBuffer(code.scratchBytes * threads);
    const job = this.#job(this.#parallel);
    const image = this.#fill(job, call);
    const isShort = call.rows * this.#rowWork < HELPED_WORK;
    await shareRows(library, { ...job, kept: { call, image, job } }, { threads, isShort });
  }

  #functions(): Library {
    if (this.#library === undefined) throw new UsageError("JR863", `"${this.program.name}" was disposed`);
    return this.#library;
  }

  /** A job's words; one for a single thread has memory of its own. */
  #job(scratch: ArrayBuffer = new ArrayBuffer(this.#plan.code.scratchBytes)): OwnJob {
    const words = JOB.ports + this.#plan.lowered.inputs.length + this.#plan.lowered.outputs.length;
    const buffer = new ArrayBuffer(words * 8);
    const job = { words: new BigInt64Array(buffer), address: Number(addressOf(buffer)), scratch, rows: -1 };
    job.words[JOB.scratch] = addressOf(scratch);
    return job;
  }

  /** Writes a call's words; gives the memory that must be kept besides the call's. */
  #fill(job: OwnJob, { inputs, results, shared, rows, sums }: Call): Image {
    const { words } = job;
    const image = this.#bound(shared);
    words[JOB.memory] = image.address;
    words[JOB.sums] = sums.length === 0 ? 0n : addressOf(sums);
    if (job.rows !== rows) {
      words[JOB.rows] = BigInt(rows);
      words[JOB.chunk] = BigInt(this.#chunk(rows));
      job.rows = rows;
    }
    for (let index = 0; index < inputs.length; index++)
      words[JOB.ports + index] = addressOf(inputs[index] as FloatArray);
    for (let index = 0; index < results.length; index++)
      words[JOB.ports + inputs.length + index] = addressOf(results[index] as FloatArray);
    return image;
  }

  /** Rows that a thread takes at a time: whole tiles, or a range of the sums over rows. */
  #chunk(rows: number): number {
    const { lowered, code, threads } = this.#plan;
    if (lowered.sums.length > 0) return rangesOf(rows).rows;
    const { tileRows } = code.layout;
    const chunks = threads === 1 ? 1 : threads * CHUNKS;
    return Math.max(1, Math.ceil(rows / (tileRows * chunks))) * tileRows;
  }

  #sums(rows: number): Float64Array {
    const { sums } = this.#plan.lowered;
    return sums.length === 0 ? NO_SUMS : new Float64Array(sumCells(sums) * rangesOf(rows).count);
  }

  /** Row inputs, shared inputs and results of a call, checked, in the kernel's dtype. */
  #checked(inputs: readonly FloatArray[], n: number, given: readonly FloatArray[] | undefined): Call {
    const arrays = this.#arrays;
    arrays.check(inputs, n);
    const outs = arrays.results(n, given);
    return {
      inputs: inDtype(arrays.rows(inputs), arrays.dtype, (row, wanted) => new wanted(row)),
      results: inDtype(arrays.rowResults(outs), arrays.dtype, (out, wanted) => new wanted(out.length)),
      shared: arrays.shared(inputs),
      sums: this.#sums(n),
      outs,
      rows: n,
    };
  }

  /** Copies results to arrays of another width, and evaluates what follows sums over rows. */
  #finish({ results, shared, outs, rows, sums }: Call): FloatArray[] {
    const rowOuts = this.#arrays.rowResults(outs);
    for (let index = 0; index < results.length; index++) {
      const [result, out] = [results[index] as FloatArray, rowOuts[index] as FloatArray];
      if (out !== result) out.set(result);
    }
    const last = this.#arrays.lastResults(outs);
    if (last.length === 0) return outs;
    const joined = joinedSums(this.#plan.lowered, partialSums(sums, rangesOf(rows).count));
    finished(this.program, sharedValues(this.program, shared), joined).forEach((values, index) =>
      last[index]?.set(values),
    );
    return outs;
  }

  /** The image of these shared inputs' values. */
  #bound(shared: readonly FloatArray[]): Image {
    const known = this.#image;
    if (known !== undefined && allSameBits(shared, known.shared)) return known;
    const { lowered, code } = this.#plan;
    const copies = shared.map((numbers) => numbers.slice());
    this.#image = imageOf(boundImage(lowered, code, sharedValues(this.program, shared)), copies);
    return this.#image;
  }
}

type FloatArrays = typeof Float32Array | typeof Float64Array;

/** The arrays in a dtype: the same ones, but for those of another. */
function inDtype(
  arrays: readonly FloatArray[],
  dtype: Dtype,
  make: (array: FloatArray, wanted: FloatArrays) => FloatArray,
): readonly FloatArray[] {
  const wanted = dtype === "f32" ? Float32Array : Float64Array;
  for (let index = 0; index < arrays.length; index++)
    if (!(arrays[index] instanceof wanted))
      return arrays.map((array) => (array instanceof wanted ? array : make(array, wanted)));
  return arrays;
}

/** The bytes where a line of the cache starts: vectors of weights lie in one line each. */
function imageOf(from: Uint8Array, shared: readonly FloatArray[]): Image {
  const buffer = new ArrayBuffer(from.length + LINE_BYTES);
  const start = addressOf(buffer);
  const before = -start & BigInt(LINE_BYTES - 1);
  const bytes = new Uint8Array(buffer, Number(before), from.length);
  bytes.set(from);
  return { bytes, address: start + before, shared };
}
