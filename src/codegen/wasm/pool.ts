/**
 * Constants of a kernel that live in memory: lane patterns and lookup tables.
 *
 * A load costs one instruction, a splat load two in V8 (the address is one of them), a 128-bit immediate three. In: patterns, as they are met while
 * writing code. Out: fixed addresses, and the bytes to put there before the first call.
 */

import type { Dtype } from "../../lower/lanes.ts";

/** Patterns and tables at fixed addresses, equal ones once. */
export class ConstantPool {
  readonly #start: number;
  readonly #bytes: 4 | 8;
  readonly #cells: bigint[] = [];
  readonly #known = new Map<string, number>();

  constructor(dtype: Dtype, start: number) {
    this.#bytes = dtype === "f32" ? 4 : 8;
    this.#start = start;
  }

  /** Address of a vector with the pattern in every lane. */
  vector(pattern: bigint): number {
    return this.table(Array.from({ length: 16 / this.#bytes }, () => pattern));
  }

  /** Address of consecutive lane patterns. */
  table(patterns: readonly bigint[]): number {
    const key = patterns.join();
    let address = this.#known.get(key);
    if (address === undefined) {
      address = this.#start + this.#cells.length * this.#bytes;
      for (const pattern of patterns) this.#cells.push(BigInt.asUintN(this.#bytes * 8, pattern));
      this.#known.set(key, address);
    }
    return address;
  }

  /** First address after the pool. */
  get end(): number {
    return this.#start + this.#cells.length * this.#bytes;
  }

  /** The bytes from the pool's start. */
  contents(): Uint8Array<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(this.end - this.#start));
    this.#cells.forEach((cell, index) => {
      if (this.#bytes === 4) view.setUint32(index * 4, Number(cell), true);
      else view.setBigUint64(index * 8, cell, true);
    });
    return new Uint8Array(view.buffer);
  }
}
