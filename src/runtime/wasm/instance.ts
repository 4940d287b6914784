/**
 * One memory with a kernel in it: bound values, constants, and per thread a scratch and an area of rows.
 *
 * In: the kernel's code and how many rows an area holds. Out: `run` on an area. Memory never grows, so views stay
 * valid for the instance's life.
 */

import type { SumPlaces } from "../../codegen/sum-places.ts";
import type { WasmKernel } from "../../codegen/wasm/kernel.ts";
import { UsageError } from "../../errors.ts";
import type { Dtype } from "../../lower/lanes.ts";
import { type Lowered, type Port, rowCells } from "../../lower/loops.ts";

const PAGE = 65536;
const MOST_BYTES = 4 * 1024 ** 3 - PAGE;

/** Float32Array or Float64Array, on any buffer. */
export type FloatArray = Float32Array | Float64Array;

/** A view of the right width. */
export function floatView(
  dtype: Dtype,
  buffer: ArrayBufferLike,
  place: { address: number; length: number },
): FloatArray {
  const { address, length } = place;
  return dtype === "f32"
    ? new Float32Array(buffer, address, length)
    : new Float64Array(buffer, address, length);
}

/** The addresses of ports' rows: inputs and results of one call. */
export interface RowSlot {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Running sums over rows. */
  readonly sums: number;
}

/** One thread's part of memory. */
export interface Area {
  readonly scratch: number;
  /** Several let a thread work on one while another is filled. */
  readonly slots: readonly RowSlot[];
}

/** How a memory is to be cut. */
export interface MemoryShape {
  /** Rows a slot holds. */
  readonly rows: number;
  readonly threads: number;
  readonly slots: number;
}

/** Where everything of an instance lies. */
export interface MemoryPlan extends MemoryShape {
  /** Where a slot's running sums are. */
  readonly sums: SumPlaces;
  readonly areas: readonly Area[];
  readonly pages: number;
}

/** Plans a memory. Throws `UsageError` beyond 4 GB. */
export function memoryPlan(lowered: Lowered, code: WasmKernel, shape: MemoryShape): MemoryPlan {
  const padded = Math.ceil(shape.rows / code.width) * code.width;
  let next = code.end;
  const take = (bytes: number): number => {
    const address = next;
    next += Math.ceil(bytes / 64) * 64;
    return address;
  };
  const area = (port: Port): number => take(rowCells(port) * padded * code.layout.bytes);
  const slot = (): RowSlot => ({
    inputs: lowered.inputs.map(area),
    outputs: lowered.outputs.map(area),
    sums: take(code.sumBytes),
  });
  const areas = Array.from({ length: shape.threads }, () => ({
    scratch: take(code.scratchBytes),
    slots: Array.from({ length: shape.slots }, slot),
  }));
  if (next > MOST_BYTES) {
    throw new UsageError(
      "JR862",
      `${shape.rows} rows of "${lowered.name}" need ${(next / 1e9).toFixed(1)} GB at once: use fewer rows per call`,
    );
  }
  return { ...shape, sums: code.layout.sums, areas, pages: Math.ceil(next / PAGE) };
}

type Run = (scratch: number, rows: number, ...ports: number[]) => void;

/** A kernel in a memory, ready to run. */
export class Instance {
  readonly memory: WebAssembly.Memory;
  readonly plan: MemoryPlan;
  readonly #run: Run;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, plan: MemoryPlan) {
    this.memory = memory;
    this.plan = plan;
    this.#run = new WebAssembly.Instance(module, { host: { memory } }).exports["run"] as Run;
  }

  /** A slot's running sums. */
  sums({ sums }: RowSlot, dtype: Dtype): FloatArray {
    return floatView(dtype, this.memory.buffer, { address: sums, length: this.plan.sums.length });
  }

  /** Runs `rows` rows of a slot, with one thread's scratch. */
  run(area: Area, slot: RowSlot, rows: number): void {
    this.#run(...runArguments(area, slot, rows));
  }

  /** The same as a function that allocates nothing. */
  runner(area: Area, slot: RowSlot, rows: number): () => void {
    return this.#run.bind(undefined, ...runArguments(area, slot, rows));
  }
}

/** What the module's `run` takes. */
export function runArguments(area: Area, slot: RowSlot, rows: number): [number, number, ...number[]] {
  return [area.scratch, rows, ...slot.inputs, ...slot.outputs, slot.sums];
}

/** A memory for a plan. */
export function memoryFor({ pages }: MemoryPlan, shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
}
