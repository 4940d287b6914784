/**
 * A compiled program as native code: rows are read and written where the caller keeps them.
 *
 * Long calls run on threads of the library's own, started by one koffi thread, so the event loop goes on. Shared inputs
 * are bound again only when their numbers change; a bound image is never written once a call may read it.
 */

import { JOB } from "../../codegen/c/run.ts";
import { UsageError } from "../../errors.ts";
import type { InputNode, Program } from "../../ir/types.ts";
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
import { type Call, CallJob, type Image, imageOf } from "./job.ts";
import { type Library, loadLibrary } from "./library.ts";
import { apartPlan, type NativePlan } from "./plan.ts";
import { shareRows } from "./share.ts";
import { copyAll, inDtype, Staging } from "./staging.ts";
import { joinedSums, partialSums, rangesOf } from "./sums.ts";

/** In calls of fewer the calling thread takes part: one that is woken is late by a part of what they take. */
const HELPED_WORK = 4e8;
/** Calls of few rows with so many, idle lanes included, repay compiling code for them: about what a compiler takes. */
const COMPILE_WORK = 1e10;
const NO_SUMS = new Float64Array(0);

/** A program run as native code. */
export class NativeRunner implements Kernel {
  readonly program: Program;
  readonly #plan: NativePlan;
  #library: Library | undefined;
  #image: Image | undefined;
  #caller: CallJob | undefined;
  /** Scratch of the threads that share calls, which follow one after the other. */
  #parallel: ArrayBuffer | undefined;
  /** The latest call on threads. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #rowWork: number;
  readonly #arrays: CallArrays;
  /** For few rows that the calling thread computes. */
  readonly #staging: Staging;
  #fewRows: NativeRunner | undefined;
  /** Operations of calls of few rows so far, idle lanes included. */
  #fewWork = 0;
  #isBuilding = false;

  constructor(plan: NativePlan, library: Library) {
    this.program = plan.program;
    this.#plan = plan;
    this.#rowWork = workOf(plan.program);
    this.#arrays = new CallArrays(plan.program, plan.options.dtype, unwritten);
    this.#staging = new Staging(plan.lowered);
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
    this.#caller ??= new CallJob(this.#plan);
    const staged = this.#staging.filled(call, n);
    this.#caller.fill(this.#bound(call.shared), call, staged);
    this.#functions().run(this.#caller.address);
    if (staged !== undefined) copyAll(call.results, staged.results);
    return this.#finish(call);
  }

  async prepare(n: number): Promise<void> {
    if (n > 0 && n <= this.#plan.mostFewRows && this.#fewRows === undefined) await this.#compileFewRows();
  }

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    const { options, lowered, code } = this.#plan;
    if (n > 0 && n <= this.#plan.mostFewRows) return this.#forFewRows().bindFixed(n, shared);
    const inputs = lowered.inputs.map((port) => floatsOf(options.dtype, n * port.buffer.cells));
    const outs = this.program.outputs.map((output) => floatsOf(options.dtype, outputLength(output, n)));
    const results = outputsOf(this.program, "row", outs);
    const call = { inputs, results, shared, outs, rows: n, isFresh: false, sums: this.#sums(n) };
    const { run } = this.#functions();
    const job = new CallJob(this.#plan);
    const image = this.#bound(shared);
    job.fill(image, call);
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
      await this.#compileFewRows({ aside: true });
    } catch {
      // Tiles give the same bits, later.
    }
  }

  async #compileFewRows(how?: { aside: boolean }): Promise<void> {
    const plan = apartPlan(this.#plan);
    const path = await buildLibrary(plan.code.source, plan.compiler, how);
    if (this.#library !== undefined) this.#fewRows ??= new NativeRunner(plan, loadLibrary(path));
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
    const job = new CallJob(this.#plan, this.#parallel);
    const image = this.#bound(call.shared);
    job.fill(image, call);
    const isShort = call.rows * this.#rowWork < HELPED_WORK;
    const { words, address } = job;
    await shareRows(library, { words, address, kept: { call, image, job } }, { threads, isShort });
  }

  #functions(): Library {
    if (this.#library === undefined) throw new UsageError("JR863", `"${this.program.name}" was disposed`);
    return this.#library;
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
    const wanted = arrays.dtype === "f32" ? Float32Array : Float64Array;
    return {
      inputs: inDtype(arrays.rows(inputs), wanted, "rows"),
      results: inDtype(arrays.rowResults(outs), wanted, "results"),
      shared: arrays.shared(inputs),
      sums: this.#sums(n),
      outs,
      isFresh: given === undefined,
      rows: n,
    };
  }

  /** Copies results to arrays of another width, and evaluates what follows sums over rows. */
  #finish({ results, shared, outs, rows, sums }: Call): FloatArray[] {
    copyAll(this.#arrays.rowResults(outs), results);
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
