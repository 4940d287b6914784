/**
 * Binding again: new numbers of the shared inputs, written to a kernel's memory where the first ones lie.
 *
 * In: a kernel's code and its bound memory. Out: `run(shared)`. Always: the bytes that `boundImage` gives. Evaluating them anew
 * takes a while and memory; `rebinding-tables.ts` does it by tables, for who binds at every step.
 */

import type { InputNode } from "../ir/types.ts";
import type { Lowered } from "../lower/loops.ts";
import { type Bindable, boundImage } from "./wasm/bind.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** A kernel's bound memory, writable. */
export interface BoundMemory {
  readonly lowered: Lowered;
  readonly code: Bindable;
  /** The bound image, and where it starts in memory. */
  readonly bytes: Uint8Array;
}

/** The shared inputs of a bound run, and how to write them to its memory. */
export class Rebinding {
  /** Copies: what the memory holds. */
  readonly values: ReadonlyMap<InputNode, FloatArray>;
  readonly #copies: readonly FloatArray[];
  readonly #memory: () => BoundMemory;
  /** Made by the first rebinding. */
  #write: Write | undefined;

  constructor(memory: () => BoundMemory, shared: ReadonlyMap<InputNode, FloatArray>) {
    this.#memory = memory;
    this.values = new Map([...shared].map(([input, numbers]) => [input, numbers.slice()]));
    this.#copies = [...this.values.values()];
  }

  /** Writes the numbers of the shared inputs, in program order. */
  run(shared: readonly FloatArray[]): void {
    for (let input = 0; input < shared.length; input++) this.#copies[input]?.set(shared[input] as FloatArray);
    this.#write ??= writer(this.#memory(), this.values);
    this.#write(this.#copies);
  }
}

/** Writes the numbers of the shared inputs to memory. */
export type Write = (shared: readonly FloatArray[]) => void;
/** Makes that function; the map holds the numbers too. */
export type Writer = (memory: BoundMemory, shared: ReadonlyMap<InputNode, FloatArray>) => Write;

/** Evaluates the whole image. */
export const writeImage: Writer =
  ({ lowered, code, bytes }, shared) =>
  () =>
    bytes.set(boundImage(lowered, code, shared));

let writer = writeImage;

/** From now on rebinding is done this way. */
export function rebindBy(other: Writer): void {
  writer = other;
}
