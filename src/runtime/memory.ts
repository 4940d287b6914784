/**
 * Memory of new results: zeroed only where that costs nothing.
 *
 * In: a dtype and a length. Out: an array with a buffer of its own, as long as it is, which nothing else refers to. Its numbers are
 * arbitrary: for kernels that write every one.
 */

import type { Dtype } from "../lower/lanes.ts";
import { floatsOf } from "./checks.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** Node's memory that is neither zeroed nor part of its pool. */
interface MemoryHost {
  readonly Buffer?: { readonly allocUnsafeSlow?: (bytes: number) => Uint8Array<ArrayBuffer> };
}

/** Up to here asking for it takes longer than zeros. */
const LEAST_BYTES = 1024;
/** Far more is new memory in any case, which comes zeroed; and runtimes differ in what they can give that way. */
const MOST_BYTES = 2 ** 30;

/** Floats to write; `least`: fewer bytes are zeroed. */
export function unwritten(dtype: Dtype, length: number, least: number = LEAST_BYTES): FloatArray {
  const bytes = length * (dtype === "f32" ? 4 : 8);
  if (bytes < least || bytes > MOST_BYTES) return floatsOf(dtype, length);
  const buffer = (globalThis as MemoryHost).Buffer?.allocUnsafeSlow?.(bytes).buffer;
  if (buffer?.byteLength !== bytes) return floatsOf(dtype, length);
  return dtype === "f32" ? new Float32Array(buffer) : new Float64Array(buffer);
}
