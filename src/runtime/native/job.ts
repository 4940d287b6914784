/**
 * A job's words: where a call's arrays lie and how many rows they hold, for the C functions that run it.
 *
 * In: calls, one after the other, and the bound values they read. Out: words in memory that stays in place. Always: what is as in the
 * call before is not written again, and a job keeps none of a caller's arrays.
 */

import { JOB } from "../../codegen/c/run.ts";
import type { FloatArray } from "../wasm/instance.ts";
import { addressOf } from "./library.ts";
import type { NativePlan } from "./plan.ts";
import type { Job } from "./share.ts";
import type { Ports } from "./staging.ts";
import { rangesOf } from "./sums.ts";

/** About this many chunks per thread: uneven threads end together. */
const CHUNKS = 32;
const LINE_BYTES = 64;

/** One call's rows. */
export interface Call extends Ports {
  readonly rows: number;
  readonly shared: readonly FloatArray[];
  /** What the caller gets. */
  readonly outs: FloatArray[];
  /** `outs` are new, not the caller's. */
  readonly isFresh: boolean;
  /** Sums over rows, range by range; empty if there are none. */
  readonly sums: Float64Array;
}

/** Bound values in memory and the shared inputs they came from. */
export interface Image {
  readonly bytes: Uint8Array;
  readonly address: bigint;
  readonly shared: readonly FloatArray[];
}

/** The words of a plan's calls. */
export class CallJob implements Job {
  readonly words: BigInt64Array;
  readonly address: number;
  readonly scratch: ArrayBuffer;
  readonly #plan: NativePlan;
  #rows: number | undefined;
  /** Memory in place that the words name. */
  #staged: Ports | undefined;

  /** One for a single thread has scratch of its own. */
  constructor(plan: NativePlan, scratch: ArrayBuffer = new ArrayBuffer(plan.code.scratchBytes)) {
    const { inputs, outputs } = plan.lowered;
    const buffer = new ArrayBuffer((JOB.ports + inputs.length + outputs.length) * 8);
    this.words = new BigInt64Array(buffer);
    this.address = Number(addressOf(buffer));
    this.scratch = scratch;
    this.#plan = plan;
    this.words[JOB.scratch] = addressOf(scratch);
  }

  /** Writes a call's words; `staged`: memory in place of the call's arrays. */
  fill(image: Image, call: Call, staged?: Ports): void {
    const { rows, sums } = call;
    const { words } = this;
    words[JOB.memory] = image.address;
    if (sums.length > 0) words[JOB.sums] = addressOf(sums);
    if (this.#rows !== rows) {
      words[JOB.rows] = BigInt(rows);
      words[JOB.chunk] = BigInt(chunkOf(this.#plan, rows));
      this.#rows = rows;
    }
    if (staged !== undefined && this.#staged === staged) return;
    this.#staged = staged;
    words[JOB.fresh] = call.isFresh && staged === undefined ? 1n : 0n;
    const { inputs, results } = staged ?? call;
    for (let index = 0; index < inputs.length; index++)
      words[JOB.ports + index] = addressOf(inputs[index] as FloatArray);
    for (let index = 0; index < results.length; index++)
      words[JOB.ports + inputs.length + index] = addressOf(results[index] as FloatArray);
  }
}

/** Rows that a thread takes at a time: whole tiles, or a range of the sums over rows. */
function chunkOf({ lowered, code, threads }: NativePlan, rows: number): number {
  if (lowered.sums.length > 0) return rangesOf(rows).rows;
  const { tileRows } = code.layout;
  const chunks = threads === 1 ? 1 : threads * CHUNKS;
  return Math.max(1, Math.ceil(rows / (tileRows * chunks))) * tileRows;
}

/** The bytes where a line of the cache starts: vectors of weights lie in one line each. */
export function imageOf(from: Uint8Array, shared: readonly FloatArray[]): Image {
  const buffer = new ArrayBuffer(from.length + LINE_BYTES);
  const start = addressOf(buffer);
  const before = -start & BigInt(LINE_BYTES - 1);
  const bytes = new Uint8Array(buffer, Number(before), from.length);
  bytes.set(from);
  return { bytes, address: start + before, shared };
}
