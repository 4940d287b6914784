/**
 * The arrays that native code reads and writes: the caller's, or for few rows memory in place.
 *
 * In: a call's rows and results, of any width. Out: arrays of the kernel's. Always: memory in place is used by one call at a time, on
 * the calling thread, and nobody else sees it.
 */

import { type Lowered, type Port, rowCells } from "../../lower/loops.ts";
import { floatsOf } from "../checks.ts";
import type { FloatArray } from "../wasm/instance.ts";

/** Arrays of the kernel's dtype, one per row input and per output with a row axis. */
export interface Ports {
  readonly inputs: readonly FloatArray[];
  readonly results: readonly FloatArray[];
}

/** Rows and results of fewer bytes are copied: asking where arrays lie takes longer. */
const STAGED_BYTES = 2048;

/** Memory for few rows. */
export class Staging {
  readonly #lowered: Lowered;
  readonly #rowBytes: number;
  #ports: Ports | undefined;
  #rows = 0;

  constructor(lowered: Lowered) {
    const cells = [...lowered.inputs, ...lowered.outputs].reduce((sum, port) => sum + rowCells(port), 0);
    this.#lowered = lowered;
    this.#rowBytes = cells * (lowered.dtype === "f32" ? 4 : 8);
  }

  /** Memory with a call's rows in it, if they are few. */
  filled({ inputs }: Ports, rows: number): Ports | undefined {
    if (rows * this.#rowBytes >= STAGED_BYTES) return undefined;
    if (this.#ports === undefined || this.#rows !== rows) this.#ports = this.#made(rows);
    copyAll(this.#ports.inputs, inputs);
    return this.#ports;
  }

  #made(rows: number): Ports {
    const { inputs, outputs, dtype } = this.#lowered;
    const floats = (port: Port): FloatArray => floatsOf(dtype, rows * rowCells(port));
    this.#rows = rows;
    return { inputs: inputs.map(floats), results: outputs.map(floats) };
  }
}

/** Copies arrays to others, but for those that are the same. */
export function copyAll(to: readonly FloatArray[], from: readonly FloatArray[]): void {
  for (let index = 0; index < from.length; index++)
    if (to[index] !== from[index]) (to[index] as FloatArray).set(from[index] as FloatArray);
}

type FloatArrays = typeof Float32Array | typeof Float64Array;

/** Results have their place; their numbers are not read. */
type Kind = "rows" | "results";

/** The caller's arrays, but for those of another dtype than the kernel's: `rows` are converted, `results` have room made. */
export function inDtype(
  arrays: readonly FloatArray[],
  wanted: FloatArrays,
  kind: Kind,
): readonly FloatArray[] {
  for (let index = 0; index < arrays.length; index++)
    if (!(arrays[index] instanceof wanted))
      return arrays.map((array) => {
        if (array instanceof wanted) return array;
        return kind === "rows" ? new wanted(array) : new wanted(array.length);
      });
  return arrays;
}
