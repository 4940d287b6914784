/**
 * Places tile buffers in scratch: buffers whose lives do not overlap share cells.
 *
 * A buffer lives from the first stage that stores it to the last that touches it; inputs live from the start, outputs to
 * the end. Best fit into gaps, in order of birth; inputs and outputs have places of their own.
 */

import { at } from "../ir/shape.ts";
import { accessesOf } from "./accesses.ts";
import { type Buffer, leavesOf, type Stage } from "./loops.ts";

/** The shared buffers that stages read, as values or as tables of indices. */
export function boundBuffersOf(stages: readonly Stage[]): Buffer[] {
  const touched = leavesOf(stages).flatMap((stage) => accessesOf(stage).map(({ buffer }) => buffer));
  return [...new Set(touched)].filter(({ space }) => space === "bound");
}

interface Life {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
}

/** First and last stage of each tile buffer. */
export function livesOf(
  stages: readonly Stage[],
  ports: { inputs: readonly Buffer[]; outputs: readonly Buffer[] },
): Life[] {
  const lives = new Map<Buffer, { from: number; to: number }>();
  const touch = (buffer: Buffer, time: number): void => {
    const life = lives.get(buffer);
    lives.set(buffer, { from: Math.min(life?.from ?? time, time), to: Math.max(life?.to ?? time, time) });
  };
  for (const input of ports.inputs) touch(input, -1);
  const leaves = leavesOf(stages);
  leaves.forEach((stage, time) => {
    for (const { buffer } of accessesOf(stage)) if (buffer.space === "tile") touch(buffer, time);
  });
  for (const output of ports.outputs) touch(output, leaves.length);
  for (const span of spansOf(stages)) {
    for (const [buffer, { from, to }] of lives) {
      const outside = (from < span.from && to >= span.from) || (to > span.to && from <= span.to);
      if (outside) lives.set(buffer, { from: Math.min(from, span.from), to: Math.max(to, span.to) });
    }
  }
  return [...lives].map(([buffer, life]) => ({ buffer, ...life }));
}

/** First and last leaf of every repetition, inner ones first: what is touched in it and outside of it lives through all of it. */
function spansOf(stages: readonly Stage[], start = 0): { from: number; to: number }[] {
  let time = start;
  return stages.flatMap((stage) => {
    if (stage.kind !== "repeat") {
      time++;
      return [];
    }
    const inner = spansOf(stage.stages, time);
    const from = time;
    time += leavesOf([stage]).length;
    return [...inner, { from, to: time - 1 }];
  });
}

/** Offsets in cells, and the cells one lane needs. */
export function placed(lives: readonly Life[]): { placement: Map<Buffer, number>; scratchCells: number } {
  const placement = new Map<Buffer, number>();
  const scratch = new Scratch();
  const dying = [...lives].sort((x, y) => y.to - x.to);
  let scratchCells = 0;
  for (const { buffer, from } of [...lives].sort(
    (x, y) => x.from - y.from || y.buffer.cells - x.buffer.cells,
  )) {
    for (let last = dying.at(-1); last !== undefined && last.to < from; last = dying.at(-1)) {
      scratch.give(placement.get(last.buffer) as number, last.buffer.cells);
      dying.pop();
    }
    const start = scratch.take(buffer.cells);
    placement.set(buffer, start);
    scratchCells = Math.max(scratchCells, start + buffer.cells);
  }
  return { placement, scratchCells };
}

/** Which cells nothing alive lies in: gaps, no two of which touch, and all from an end on. */
class Scratch {
  #end = 0;
  /** The sizes of gaps by their starts, their starts by their ends, and by their sizes in ascending order. */
  readonly #sizes = new Map<number, number>();
  readonly #starts = new Map<number, number>();
  readonly #bySize = new Map<number, number[]>();

  /** The first of the smallest gaps that are large enough. */
  take(cells: number): number {
    const fitting = [...this.#bySize.keys()].filter((size) => size >= cells);
    if (fitting.length === 0) {
      this.#end += cells;
      return this.#end - cells;
    }
    const size = Math.min(...fitting);
    const start = at(this.#bySize.get(size) as number[], 0);
    this.#remove(start);
    if (size > cells) this.#add(start + cells, size - cells);
    return start;
  }

  give(start: number, cells: number): void {
    if (cells === 0) return;
    const from = this.#starts.get(start) ?? start;
    const to = start + cells + (this.#sizes.get(start + cells) ?? 0);
    if (from < start) this.#remove(from);
    if (to > start + cells) this.#remove(start + cells);
    if (to === this.#end) this.#end = from;
    else this.#add(from, to - from);
  }

  #add(start: number, size: number): void {
    this.#sizes.set(start, size);
    this.#starts.set(start + size, start);
    const list = this.#bySize.get(size) ?? [];
    this.#bySize.set(size, list);
    const place = list.findLastIndex((other) => other < start);
    list.splice(place + 1, 0, start);
  }

  #remove(start: number): void {
    const size = this.#sizes.get(start) as number;
    this.#sizes.delete(start);
    this.#starts.delete(start + size);
    const list = this.#bySize.get(size) as number[];
    list.splice(list.indexOf(start), 1);
    if (list.length === 0) this.#bySize.delete(size);
  }
}
