/**
 * The workers, shared by all kernels: started when first wanted, idle ones never keep the process alive.
 *
 * A kernel loads its module and memory into a worker once, then sends jobs; answers come as messages. A worker that
 * fails is not used again.
 */

import { InternalError } from "../../errors.ts";
import { startWorker, type WorkerHandle } from "./platform.ts";

/** A kernel as workers know it. */
export interface SharedKernel {
  readonly id: number;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** What comes back for a job. */
type Finish = (error: Error | undefined) => void;

interface Reply {
  readonly loaded?: number;
  readonly done?: number;
  readonly error?: string;
}

/** One worker. */
export class PoolWorker {
  /** False after a failure. */
  usable = true;
  readonly #handle: WorkerHandle | undefined;
  readonly #jobs = new Map<number, Finish>();
  readonly #loads = new Map<
    number,
    { readonly ready: Promise<boolean>; readonly settle: (ready: boolean) => void }
  >();
  /** Numbers of the kernels that have been loaded. */
  readonly #loaded = new Set<number>();
  #nextJob = 0;

  constructor() {
    this.#handle = startWorker({
      message: (data) => this.#receive(data as Reply),
      failure: (error) => this.#fail(error),
    });
    this.usable = this.#handle !== undefined;
  }

  /** Has the kernel been loaded? */
  isLoaded({ id }: SharedKernel): boolean {
    return this.#loaded.has(id);
  }

  /** Loads a kernel; false if this worker cannot. */
  load({ id, module, memory }: SharedKernel): Promise<boolean> {
    const known = this.#loads.get(id);
    if (known !== undefined) return known.ready;
    let settle: (ready: boolean) => void = () => {};
    const ready = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    this.#loads.set(id, { ready, settle });
    if (this.usable) this.#handle?.post({ load: id, module, memory });
    else settle(false);
    return ready;
  }

  /** Runs a loaded kernel; `finish` is called when it is done. The process stays alive until then. */
  run(id: number, parameters: readonly number[], finish: Finish): void {
    const job = this.#nextJob++;
    if (this.#jobs.size === 0) this.#handle?.hold();
    this.#jobs.set(job, finish);
    this.#handle?.post({ run: id, arguments: parameters, job });
  }

  /** Forgets a kernel. */
  drop(id: number): void {
    this.#loaded.delete(id);
    if (this.#loads.delete(id)) this.#handle?.post({ drop: id });
  }

  #receive({ loaded, done, error }: Reply): void {
    if (loaded !== undefined) {
      if (error === undefined && this.#loads.has(loaded)) this.#loaded.add(loaded);
      this.#loads.get(loaded)?.settle(error === undefined);
    }
    if (done === undefined) return;
    const finish = this.#jobs.get(done);
    this.#jobs.delete(done);
    if (this.#jobs.size === 0) this.#handle?.release();
    finish?.(error === undefined ? undefined : new InternalError("JR903", `a worker failed: ${error}`));
  }

  #fail(error: unknown): void {
    this.usable = false;
    this.#loaded.clear();
    for (const { settle } of this.#loads.values()) settle(false);
    const waiting = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const finish of waiting) finish(new InternalError("JR903", `a worker stopped: ${String(error)}`));
  }
}

const workers: PoolWorker[] = [];

/** The first `count` workers of the pool, started as needed. */
export function poolWorkers(count: number): readonly PoolWorker[] {
  while (workers.length < count) workers.push(new PoolWorker());
  return workers.slice(0, count);
}

/** Makes all workers forget a kernel. */
export function dropKernel(id: number): void {
  for (const worker of workers) worker.drop(id);
}

let nextKernel = 0;

/** A number for a kernel. */
export function kernelNumber(): number {
  return nextKernel++;
}
