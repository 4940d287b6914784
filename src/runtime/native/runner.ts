/**
 * A compiled program as native code: rows are read and written where the caller keeps them.
 *
 * Long calls run on threads of the library's own, started by one koffi thread, so the event loop goes on. Shared inputs
 * are bound again only when their numbers change; a bound image is never written once a call may read it.
 */

import { JOB } from "../../codegen/c/kernel.ts";
import { UsageError } from "../../errors.ts";
import type { InputNode, Program } from "../../ir/types.ts";
import { checkArguments, checkShared, floatsOf, outputArrays } from "../checks.ts";
import type { BoundRun, Kernel, KernelInfo } from "../kernel.ts";
import { boundImage } from "../wasm/bind.ts";
import type { FloatArray } from "../wasm/instance.ts";
import { addressOf, type Library } from "./library.ts";
import type { NativePlan } from "./plan.ts";

/** Calls expected to take less than this are run at once: a thread costs about as much. */
const SHORT_MS = 0.2;
/** About this many chunks per thread: uneven threads end together. */
const CHUNKS = 8;

/** One call's rows. */
interface Call {
  /** Arrays of the kernel's dtype, inputs first. */
  readonly ports: readonly FloatArray[];
  readonly shared: readonly FloatArray[];
  /** What the caller gets, and those of `ports` that must be copied there. */
  readonly outs: FloatArray[];
  readonly rows: number;
}

/** Bound values in memory and the shared inputs they came from. */
interface Image {
  readonly bytes: Uint8Array;
  readonly shared: readonly FloatArray[];
}

/** A job's words and the memory it points to, kept while it may run. */
interface Job {
  readonly words: BigInt64Array;
  readonly address: number;
  readonly scratch: ArrayBuffer;
}

export class NativeRunner implements Kernel {
  readonly program: Program;
  readonly #plan: NativePlan;
  #library: Library | undefined;
  #image: Image | undefined;
  #caller: Job | undefined;
  #parallel: Job | undefined;
  /** The latest call on threads. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Milliseconds per row on one thread, by the latest calls. */
  #pace: number | undefined;

  constructor(plan: NativePlan, library: Library) {
    this.program = plan.program;
    this.#plan = plan;
    this.#library = library;
  }

  get info(): KernelInfo {
    const { options, code, fused, threads } = this.#plan;
    const scratch = (this.#caller?.scratch.byteLength ?? 0) + (this.#parallel?.scratch.byteLength ?? 0);
    return {
      device: "native",
      dtype: options.dtype,
      threads,
      fused,
      moduleBytes: code.source.length,
      tileRows: code.layout.tileRows,
      memoryBytes: scratch + (this.#image?.bytes.length ?? 0),
    };
  }

  async run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    const short = this.#pace !== undefined && n * this.#pace < SHORT_MS;
    if (short || n <= this.#plan.code.layout.tileRows) return this.runSync(inputs, n, outs);
    const call = this.#checked(inputs, n, outs);
    const turn = this.#queue.then(() => this.#share(call));
    this.#queue = turn.catch(() => {});
    await turn;
    return this.#finished(call);
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    const call = this.#checked(inputs, n, outs);
    if (n === 0) return call.outs;
    this.#caller ??= this.#job(1);
    this.#fill(this.#caller, call);
    const start = performance.now();
    this.#functions().run(this.#caller.address);
    this.#pace = (performance.now() - start) / n;
    return this.#finished(call);
  }

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    const { dtype } = this.#plan.options;
    const { inputs, outputs } = this.#plan.lowered;
    const [ins, outs] = [inputs, outputs].map((ports) =>
      ports.map((port) => floatsOf(dtype, n * port.buffer.cells)),
    ) as [FloatArray[], FloatArray[]];
    const { run } = this.#functions();
    const job = this.#job(1);
    const image = this.#bound(shared);
    this.#fill(job, { ports: [...ins, ...outs], shared, outs, rows: n });
    const kept = { run, job, image, address: job.address };
    return { inputs: ins, outputs: outs, run: n === 0 ? () => {} : () => kept.run(kept.address) };
  }

  dispose(): void {
    this.#library = undefined;
    this.#image = undefined;
    this.#caller = undefined;
    this.#parallel = undefined;
  }

  async #share(call: Call): Promise<void> {
    const { threads, code } = this.#plan;
    const { share } = this.#functions();
    this.#parallel ??= this.#job(threads);
    const job = this.#parallel;
    this.#fill(job, call);
    const { words } = job;
    const { tileRows } = code.layout;
    const tiles = Math.max(1, Math.ceil(call.rows / (tileRows * threads * CHUNKS)));
    words[JOB.chunk] = BigInt(threads === 1 ? call.rows : tiles * tileRows);
    words[JOB.next] = 0n;
    words[JOB.threads] = BigInt(Math.min(threads, Math.ceil(call.rows / (tiles * tileRows))));
    const kept = { call, job, image: this.#image };
    const start = performance.now();
    await new Promise<void>((resolve, reject) => {
      share.async(job.address, (error) => (error === null && kept.job === job ? resolve() : reject(error)));
    });
    this.#pace = ((performance.now() - start) * Number(words[JOB.threads])) / call.rows;
  }

  #functions(): Library {
    if (this.#library === undefined) throw new UsageError("JR503", `"${this.program.name}" was disposed`);
    return this.#library;
  }

  /** Memory of a job for so many threads. */
  #job(threads: number): Job {
    const { lowered, code } = this.#plan;
    const words = JOB.ports + lowered.inputs.length + lowered.outputs.length;
    const buffer = new ArrayBuffer(words * 8);
    const scratch = new ArrayBuffer(code.scratchBytes * threads);
    const job = { words: new BigInt64Array(buffer), address: Number(addressOf(buffer)), scratch };
    job.words[JOB.scratch] = addressOf(scratch);
    return job;
  }

  #fill({ words }: Job, { ports, shared, rows }: Call): void {
    words[JOB.memory] = addressOf(this.#bound(shared).bytes);
    words[JOB.rows] = BigInt(rows);
    ports.forEach((port, index) => {
      words[JOB.ports + index] = addressOf(port);
    });
  }

  /** Row inputs, shared inputs and results of a call, checked, in the kernel's dtype. */
  #checked(inputs: readonly FloatArray[], n: number, given: readonly FloatArray[] | undefined): Call {
    const { dtype } = this.#plan.options;
    checkArguments(this.program, inputs, n);
    const isRow = (index: number): boolean => this.program.inputs[index]?.level === "row";
    const outs = outputArrays(this.program, { n, outs: given, dtype });
    const wanted = dtype === "f32" ? Float32Array : Float64Array;
    const rows = inputs.filter((_, index) => isRow(index));
    return {
      ports: [
        ...rows.map((row) => (row instanceof wanted ? row : new wanted(row))),
        ...outs.map((out) => (out instanceof wanted ? out : new wanted(out.length))),
      ],
      shared: inputs.filter((_, index) => !isRow(index)),
      outs,
      rows: n,
    };
  }

  #finished({ ports, outs }: Call): FloatArray[] {
    const results = ports.slice(ports.length - outs.length);
    outs.forEach((out, index) => {
      const result = results[index] as FloatArray;
      if (out !== result) out.set(result);
    });
    return outs;
  }

  /** The image of these shared inputs' values. */
  #bound(shared: readonly FloatArray[]): Image {
    const known = this.#image;
    if (known !== undefined && shared.every((values, index) => equal(values, known.shared[index])))
      return known;
    const inputs = this.program.inputs.filter((input): input is InputNode => input.level !== "row");
    const values = new Map(inputs.map((input, index) => [input, checkShared(input, shared[index])] as const));
    const { lowered, code } = this.#plan;
    const bytes = boundImage(lowered, code, values);
    this.#image = { bytes, shared: shared.map((numbers) => numbers.slice()) };
    return this.#image;
  }
}

function equal(a: FloatArray, b: FloatArray | undefined): boolean {
  if (b === undefined || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}
