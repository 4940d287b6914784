/**
 * Spreads the rows of one call over the calling thread and the pool's workers.
 *
 * The caller copies each worker's rows in and its results out, and computes rows itself in slices of a few
 * milliseconds between messages. Rows are lanes, so who computes a row does not change its bits.
 */

import type { Lowered } from "../../lower/loops.ts";
import { messagesDelivered } from "../threads/platform.ts";
import { type PoolWorker, poolWorkers, type SharedKernel } from "../threads/pool.ts";
import { type Area, type Instance, type RowSlot, runArguments } from "./instance.ts";
import type { RowQueue } from "./row-queue.ts";
import { copyIn, copyOut, type Span } from "./rows.ts";

/** A slice of the calling thread, and a worker's job: long beside a message, short beside a frame. */
const SLICE_MS = 3;
/** No piece is expected to take less: a message costs a few hundredths of a millisecond. */
const LEAST_MS = 0.06;
const ASK_MS = 0.2;
/** Calls expected to take less than this stay on the calling thread. */
const WORTH_MS = 0.7;

/** A kernel in shared memory and how fast it has been. */
export interface ParallelKernel extends SharedKernel {
  readonly lowered: Lowered;
  readonly instance: Instance;
  readonly tileRows: number;
  /** Milliseconds per row on one thread, by the latest slices. */
  pace: number | undefined;
}

/** The arrays of a call, and its rows. */
export interface Rows extends Pick<Span, "inputs" | "outs"> {
  readonly queue: RowQueue;
}

/** Runs a call; resolves when every row is written. Without workers it still lets events through between slices. */
export async function runParallel(kernel: ParallelKernel, call: Rows): Promise<void> {
  const run = new ParallelRun(kernel, call);
  if (kernel.pace === undefined) run.slice();
  if (!run.worthSharing()) {
    while (run.slice());
    return;
  }
  // Workers begin before this thread does: waking them takes as long as a small piece.
  for (const [index, worker] of poolWorkers(kernel.instance.plan.threads - 1).entries()) {
    if (worker.isLoaded(kernel)) run.feed(worker, index + 1);
    else void worker.load(kernel).then((ready) => ready && run.feed(worker, index + 1));
  }
  while (run.slice()) await messagesDelivered();
  await run.finished();
}

class ParallelRun {
  readonly #kernel: ParallelKernel;
  readonly #call: Rows;
  #running = 0;
  #error: Error | undefined;
  #done: () => void = () => {};

  constructor(kernel: ParallelKernel, call: Rows) {
    this.#kernel = kernel;
    this.#call = call;
  }

  /** Computes some rows on this thread; false when none are left. */
  slice(): boolean {
    const { instance, lowered } = this.#kernel;
    const area = instance.plan.areas[0] as Area;
    const slot = area.slots[0] as RowSlot;
    const span = this.#take(slot);
    if (span === undefined) return false;
    const start = performance.now();
    copyIn(lowered, instance, { slot, span });
    instance.run(area, slot, span.rows);
    copyOut(lowered, instance, { slot, span });
    this.#kernel.pace = (performance.now() - start) / span.rows;
    return true;
  }

  /** Are there enough rows left to wake workers? */
  worthSharing(): boolean {
    return this.#call.queue.left * (this.#kernel.pace ?? 0) > WORTH_MS;
  }

  /** Keeps all slots of a worker busy while rows are left. */
  feed(worker: PoolWorker, thread: number): void {
    for (const slot of this.#kernel.instance.plan.areas[thread]?.slots ?? [])
      this.#send(worker, { thread, slot });
  }

  /** Resolves when no worker is busy; the first moment is spent asking, for waking a sleeping thread takes as long. */
  async finished(): Promise<void> {
    const end = performance.now() + ASK_MS;
    while (this.#running > 0 && performance.now() < end) await messagesDelivered();
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#done = resolve;
      });
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #send(worker: PoolWorker, { thread, slot }: { thread: number; slot: RowSlot }): void {
    const span = worker.usable && this.#error === undefined ? this.#take(slot) : undefined;
    if (span === undefined) return;
    const { id, instance, lowered } = this.#kernel;
    copyIn(lowered, instance, { slot, span });
    this.#running++;
    worker.run(id, runArguments(instance.plan.areas[thread] as Area, slot, span.rows), (error) => {
      this.#running--;
      this.#error ??= error;
      if (error === undefined) copyOut(lowered, instance, { slot, span });
      this.#send(worker, { thread, slot });
      if (this.#running === 0) this.#done();
    });
  }

  /** The next rows: about a slice's worth in whole tiles, less near the end so that all threads end together. */
  #take(slot: RowSlot): Span | undefined {
    const { instance, tileRows, pace } = this.#kernel;
    if (this.#error !== undefined) return undefined;
    const { queue, inputs, outs } = this.#call;
    const share = queue.left / (3 * instance.plan.threads);
    const wanted =
      pace === undefined ? tileRows : Math.min(SLICE_MS / pace, Math.max(LEAST_MS / pace, share));
    const tiles = Math.max(1, Math.floor(wanted / tileRows));
    const piece = queue.take(slot, Math.min(tiles * tileRows, instance.plan.rows));
    return piece && { inputs, outs, ...piece };
  }
}
