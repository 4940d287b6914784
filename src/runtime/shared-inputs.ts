/**
 * Shared inputs of a call: by their nodes, and compared with the ones that are bound.
 *
 * In: the arrays of a call. Out: the same arrays. Always: as many numbers as each input needs.
 */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { InputNode, Program } from "../ir/types.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** Shared inputs' values by their nodes. Throws unless each is there and as long as it must be. */
export function sharedValues(program: Program, shared: readonly FloatArray[]): Map<InputNode, FloatArray> {
  const inputs = program.inputs.filter((input) => input.level !== "row");
  return new Map(inputs.map((input, index) => [input, checked(input, shared[index])] as const));
}

function checked(input: InputNode, values: FloatArray | undefined): FloatArray {
  const wanted = sizeOf(input.shape);
  if (values?.length === wanted) return values;
  throw new UsageError(
    "JR872",
    `shared input "${input.name}" needs ${wanted} numbers, got ${values?.length ?? "none"}`,
  );
}

/** Do all arrays hold the same bits as before? */
export function allSameBits(now: readonly FloatArray[], before: readonly FloatArray[]): boolean {
  for (let index = 0; index < now.length; index++)
    if (!sameBits(now[index] as FloatArray, before[index])) return false;
  return true;
}

/** Views of so few numbers take longer than comparing them. */
const FEW = 64;

/** Equal bits, or NaN: compared as words, which is several times faster than comparing many numbers. */
function sameBits(a: FloatArray, b: FloatArray | undefined): boolean {
  if (b === undefined || a.byteLength !== b.byteLength) return false;
  if (a.length <= FEW && a.length === b.length) return sameNumbers(a, b);
  const x = wordsOf(a);
  const y = wordsOf(b);
  for (let index = 0; index < x.length; index++) if (x[index] !== y[index]) return false;
  return true;
}

function sameNumbers(a: FloatArray, b: FloatArray): boolean {
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}

function wordsOf({ buffer, byteOffset, byteLength }: FloatArray): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}
