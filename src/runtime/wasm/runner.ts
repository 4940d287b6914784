/**
 * A compiled program on WebAssembly: copies rows in by chunks, runs, copies results out.
 *
 * Shared inputs are bound again only when their numbers change. Memory is made at the first call and does not
 * depend on n. Calls that may use workers, or yield to the event loop, have a memory of their own and follow one
 * after the other.
 */

import { featureCode } from "../../codegen/few-rows.ts";
import { KEPT_ROWS } from "../../codegen/sum-places.ts";
import { type WasmKernel, wasmKernel } from "../../codegen/wasm/kernel.ts";
import { UsageError } from "../../errors.ts";
import type { InputNode, Program } from "../../ir/types.ts";
import type { Dtype } from "../../lower/lanes.ts";
import { type Lowered, type Port, rowCells } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import { BoundSums } from "../bound-sums.ts";
import { CallArrays, floatsOf } from "../checks.ts";
import { finished, outputLength } from "../finish.ts";
import type { BoundRun, Kernel, KernelInfo } from "../kernel.ts";
import { unwritten } from "../memory.ts";
import { Rebinding } from "../rebinding.ts";
import { keepSums, type RowRange, rowRanges } from "../row-sums.ts";
import { allSameBits, sharedValues } from "../shared-inputs.ts";
import { dropKernel, kernelNumber } from "../threads/pool.ts";
import { SHORT_WORK, workOf } from "../work.ts";
import { boundImage } from "./bind.ts";
import { keepsOrder } from "./features.ts";
import {
  type Area,
  type FloatArray,
  floatView,
  Instance,
  type MemoryPlan,
  memoryFor,
  memoryPlan,
  type RowSlot,
} from "./instance.ts";
import { compileModule, compileModuleSync } from "./module.ts";
import { type ParallelKernel, runParallel } from "./parallel.ts";
import type { WasmPlan } from "./plan.ts";
import { RowQueue } from "./row-queue.ts";
import { copyIn, copyOut } from "./rows.ts";

/** An instance and the shared inputs its memory was bound to. */
interface Bound {
  readonly instance: Instance;
  readonly code: WasmKernel;
  shared: readonly FloatArray[] | undefined;
  /** The latest call's rows, if they were few enough for one piece. */
  piece?: FixedPiece;
}

/** So many rows from the start of an instance's first slot: views of them, and what runs them. */
interface FixedPiece {
  readonly rows: number;
  readonly inputs: readonly FloatArray[];
  readonly outputs: readonly FloatArray[];
  readonly run: () => void;
}

/** From so many bytes on, zeroing a result takes longer than writing it to memory that is not. */
const LARGE_BYTES = 8 * 2 ** 20;
const results = (dtype: Dtype, length: number): FloatArray => unwritten(dtype, length, LARGE_BYTES);

/** Workers keep a kernel's memory until told: also when a kernel is dropped without `dispose`. */
const abandoned = new FinalizationRegistry<number>(dropKernel);

/** A program run on WebAssembly. */
export class WasmRunner implements Kernel {
  readonly program: Program;
  readonly #plan: WasmPlan;
  readonly #rowWork: number;
  readonly #arrays: CallArrays;
  #module: WebAssembly.Module | undefined;
  #caller: Bound | undefined;
  #fewRows: Bound | undefined;
  /** Code for the number of rows that was prepared or bound last. */
  #prepared:
    | { readonly n: number; readonly code: WasmKernel; readonly module: WebAssembly.Module }
    | undefined;
  #parallel: (Bound & { readonly kernel: ParallelKernel }) | undefined;
  /** The latest call that may use workers. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(plan: WasmPlan, module: WebAssembly.Module) {
    this.program = plan.program;
    this.#plan = plan;
    this.#rowWork = workOf(plan.program);
    this.#arrays = new CallArrays(plan.program, plan.options.dtype, results);
    this.#module = module;
  }

  get info(): KernelInfo {
    const { options, code, fused, threads, threadsNote } = this.#plan;
    const pages = [this.#caller, this.#fewRows, this.#parallel].reduce(
      (sum, part) => sum + (part?.instance.plan.pages ?? 0),
      0,
    );
    return {
      device: "wasm",
      dtype: options.dtype,
      threads,
      notes: threadsNote === undefined ? [] : [threadsNote],
      fused,
      moduleBytes: code.bytes.length,
      tileRows: code.layout.tileRows,
      scratchBytes: code.scratchBytes,
      memoryBytes: pages * 65536,
    };
  }

  runsAtOnce(n: number): boolean {
    return n * this.#rowWork < SHORT_WORK || n <= this.#plan.code.layout.tileRows;
  }

  async run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    if (this.runsAtOnce(n)) return this.runSync(inputs, n, outs);
    const turn = this.#queue.then(() => this.#runParallel(inputs, n, outs));
    this.#queue = turn.catch(() => {});
    return await turn;
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    const call = this.#checked(inputs, n, outs);
    const { lowered } = this.#plan;
    const bound = this.#forRows(n);
    this.#rebind(bound, call.shared);
    const { instance } = bound;
    const { areas, rows: most } = instance.plan;
    if (n > 0 && n <= most && lowered.sums.length === 0) {
      if (bound.piece?.rows !== n) bound.piece = fixedPiece(lowered, instance, n);
      runPiece(bound.piece, call);
      return call.outs;
    }
    const area = areas[0] as Area;
    const slot = area.slots[0] as RowSlot;
    const queue = new RowQueue(lowered, instance, n);
    const next = () => queue.take(slot, most);
    for (let piece = next(); piece !== undefined; piece = next()) {
      const span = { inputs: call.inputs, outs: call.rowOuts, ...piece };
      copyIn(lowered, instance, { slot, span });
      instance.run(area, slot, span.rows);
      copyOut(lowered, instance, { slot, span });
    }
    this.#finish(call, queue);
    return call.outs;
  }

  async prepare(n: number): Promise<void> {
    const code = this.#codeFor(n);
    if (code !== this.#plan.code) this.#prepared = { n, code, module: await compileModule(code.bytes) };
  }

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    const { lowered } = this.#plan;
    const bound = this.#fixed(n);
    const { instance, code } = bound;
    this.#rebind(bound, shared);
    const piece = fixedPiece(lowered, instance, n);
    const { inputs } = piece;
    const rowOutputs = piece.outputs.values();
    const outputs = this.program.outputs.map((output) =>
      output.value.level === "finish"
        ? floatsOf(lowered.dtype, outputLength(output, n))
        : (rowOutputs.next().value as FloatArray),
    );
    const bytes = new Uint8Array(instance.memory.buffer);
    const rebinding = new Rebinding(() => ({ lowered, code, bytes }), sharedValues(this.program, shared));
    const run =
      lowered.sums.length === 0
        ? piece.run
        : this.#rangeRunner(instance, n, { values: rebinding.values, outs: outputs });
    return { inputs, outputs, run, rebind: (numbers) => rebinding.run(numbers) };
  }

  /** Code and memory for at most n rows. */
  #fixed(n: number): Bound {
    if (this.#module === undefined) throw disposed(this.program);
    const known = this.#prepared?.n === n ? this.#prepared : undefined;
    const code = known?.code ?? this.#codeFor(n);
    const module = known?.module ?? (code === this.#plan.code ? this.#module : compileModuleSync(code.bytes));
    this.#prepared = { n, code, module };
    const plan = memoryPlan(this.#plan.lowered, code, { rows: n, threads: 1, slots: 1 });
    return { instance: new Instance(module, memoryFor(plan, false), plan), code, shared: undefined };
  }

  #codeFor(n: number): WasmKernel {
    const { lowered, fused, shared } = this.#plan;
    const few = n > 0 && n <= this.#plan.mostFewRows;
    const apart = few ? featureCode() : this.#plan.apart;
    const ordered = fused && keepsOrder();
    // Where tiles are full anyway, the code of all calls is as good; only its memory may be of another kind.
    const isCommon = !shared && !few && n >= this.#plan.code.layout.tileRows;
    return isCommon
      ? this.#plan.code
      : wasmKernel(lowered, { fused, shared: false, mostRows: n, ordered, apart });
  }

  /** Where the calling thread computes so many rows. */
  #forRows(n: number): Bound {
    if (n > 0 && n <= this.#plan.mostFewRows) {
      this.#fewRows ??= this.#fixed(this.#plan.mostFewRows);
      return this.#fewRows;
    }
    this.#caller ??= this.#instantiate(this.#plan.memory);
    return this.#caller;
  }

  /** Runs the rows of a memory range by range, then what follows the sums. */
  #rangeRunner(
    instance: Instance,
    n: number,
    { values, outs }: { values: ReadonlyMap<InputNode, FloatArray>; outs: readonly FloatArray[] },
  ): () => void {
    const { lowered } = this.#plan;
    const area = instance.plan.areas[0] as Area;
    const slot = area.slots[0] as RowSlot;
    const partials: Float64Array[] = [];
    const pieces = rowRanges(n).flatMap((range) => {
      const totals = new Float64Array(sumCells(lowered.sums));
      partials.push(totals);
      return keptPieces(range).map(({ start, end }) => ({
        totals,
        run: instance.runner(area, laterRows(lowered, slot, start), end - start),
      }));
    });
    const running = instance.sums(slot, lowered.dtype);
    const sums = new BoundSums(this.program, { lowered, partials }, outs);
    return () => {
      running.fill(0);
      for (let range = 0; range < partials.length; range++) (partials[range] as Float64Array).fill(0);
      for (let index = 0; index < pieces.length; index++) {
        const { totals, run } = pieces[index] as (typeof pieces)[number];
        run();
        keepSums(totals, running, instance.plan.sums);
      }
      sums.finish(values);
    };
  }

  dispose(): void {
    if (this.#parallel !== undefined) dropKernel(this.#parallel.kernel.id);
    abandoned.unregister(this);
    this.#module = undefined;
    this.#caller = undefined;
    this.#fewRows = undefined;
    this.#prepared = undefined;
    this.#parallel = undefined;
  }

  async #runParallel(
    inputs: readonly FloatArray[],
    n: number,
    given?: readonly FloatArray[],
  ): Promise<FloatArray[]> {
    const call = this.#checked(inputs, n, given);
    this.#parallel ??= this.#shareable();
    this.#rebind(this.#parallel, call.shared);
    const { kernel } = this.#parallel;
    const queue = new RowQueue(this.#plan.lowered, kernel.instance, n);
    await runParallel(kernel, { inputs: call.inputs, outs: call.rowOuts, queue });
    this.#finish(call, queue);
    return call.outs;
  }

  #shareable(): Bound & { readonly kernel: ParallelKernel } {
    const { lowered, code, threads, memory } = this.#plan;
    const plan = memoryPlan(lowered, code, { rows: memory.rows, threads, slots: threads > 1 ? 2 : 1 });
    const bound = this.#instantiate(plan);
    const { instance } = bound;
    const module = this.#module as WebAssembly.Module;
    const { tileRows } = code.layout;
    const kernel = {
      id: kernelNumber(),
      module,
      memory: instance.memory,
      lowered,
      instance,
      tileRows,
      pace: undefined,
    };
    abandoned.register(this, kernel.id, this);
    return { ...bound, kernel };
  }

  /** Row inputs, shared inputs and results of a call, checked. */
  #checked(inputs: readonly FloatArray[], n: number, outs: readonly FloatArray[] | undefined): Call {
    const arrays = this.#arrays;
    arrays.check(inputs, n);
    const results = arrays.results(n, outs);
    return {
      inputs: arrays.rows(inputs),
      shared: arrays.shared(inputs),
      outs: results,
      rowOuts: arrays.rowResults(results),
    };
  }

  #instantiate(plan: MemoryPlan): Bound {
    if (this.#module === undefined) throw disposed(this.program);
    const memory = memoryFor(plan, this.#plan.shared);
    return { instance: new Instance(this.#module, memory, plan), code: this.#plan.code, shared: undefined };
  }

  /** Writes the shared inputs' values to memory unless they are there. */
  #rebind(bound: Bound, shared: readonly FloatArray[]): void {
    if (bound.shared !== undefined && allSameBits(shared, bound.shared)) return;
    const image = boundImage(this.#plan.lowered, bound.code, sharedValues(this.program, shared));
    new Uint8Array(bound.instance.memory.buffer).set(image);
    bound.shared = shared.map((numbers) => numbers.slice());
  }

  /** Evaluates the outputs that follow sums over rows. */
  #finish({ shared, outs }: Pick<Call, "shared" | "outs">, queue: RowQueue): void {
    const results = this.#arrays.lastResults(outs);
    if (results.length === 0) return;
    finished(this.program, sharedValues(this.program, shared), queue.sums()).forEach((values, index) =>
      results[index]?.set(values),
    );
  }
}

/** The first rows of an instance's first slot. */
function fixedPiece(lowered: Lowered, instance: Instance, rows: number): FixedPiece {
  const area = instance.plan.areas[0] as Area;
  const slot = area.slots[0] as RowSlot;
  const views = (addresses: readonly number[], ports: readonly Port[]): FloatArray[] =>
    addresses.map((address, index) => {
      const length = rows * rowCells(ports[index] as Port);
      return floatView(lowered.dtype, instance.memory.buffer, { address, length });
    });
  const [inputs, outputs] = [views(slot.inputs, lowered.inputs), views(slot.outputs, lowered.outputs)];
  return { rows, inputs, outputs, run: instance.runner(area, slot, rows) };
}

/** Copies a call's rows in, runs, copies results out. */
function runPiece(piece: FixedPiece, { inputs, rowOuts }: Call): void {
  for (let index = 0; index < inputs.length; index++)
    (piece.inputs[index] as FloatArray).set(inputs[index] as FloatArray);
  piece.run();
  for (let index = 0; index < rowOuts.length; index++)
    (rowOuts[index] as FloatArray).set(piece.outputs[index] as FloatArray);
}

/** A range in pieces, after each of which running sums are kept. */
function keptPieces({ start, end }: RowRange): RowRange[] {
  return Array.from({ length: Math.ceil((end - start) / KEPT_ROWS) }, (_, index) => {
    const from = start + index * KEPT_ROWS;
    return { start: from, end: Math.min(end, from + KEPT_ROWS) };
  });
}

/** The slot with its rows from `start` on. */
function laterRows({ inputs, outputs, dtype }: Lowered, slot: RowSlot, start: number): RowSlot {
  const rowBytes = start * (dtype === "f32" ? 4 : 8);
  const moved = (addresses: readonly number[], ports: readonly Port[]): number[] =>
    addresses.map((address, index) => address + rowBytes * rowCells(ports[index] as Port));
  return { ...slot, inputs: moved(slot.inputs, inputs), outputs: moved(slot.outputs, outputs) };
}

interface Call {
  readonly inputs: readonly FloatArray[];
  readonly shared: readonly FloatArray[];
  readonly outs: FloatArray[];
  /** Those with a row axis. */
  readonly rowOuts: readonly FloatArray[];
}

function disposed(program: Program): UsageError {
  return new UsageError("JR863", `"${program.name}" was disposed`);
}
