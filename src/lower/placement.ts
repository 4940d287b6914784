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
  let [alive, free, scratchCells]: [Life[], Free, number] = [[], new Free([]), 0];
  let time = Number.NEGATIVE_INFINITY;
  for (const life of [...lives].sort((x, y) => x.from - y.from || y.buffer.cells - x.buffer.cells)) {
    if (life.from > time) {
      time = life.from;
      alive = alive.filter(({ to }) => to >= time);
      free = new Free(
        alive.map(({ buffer }) => ({ start: placement.get(buffer) as number, size: buffer.cells })),
      );
    }
    const start = free.take(life.buffer.cells);
    placement.set(life.buffer, start);
    scratchCells = Math.max(scratchCells, start + life.buffer.cells);
    alive.push(life);
  }
  return { placement, scratchCells };
}

interface Span {
  readonly start: number;
  readonly size: number;
}

/** Cells that nothing alive lies in: gaps in order, and all from `end` on. */
class Free {
  readonly #gaps: Span[] = [];
  #end = 0;

  constructor(busy: readonly Span[]) {
    for (const { start, size } of [...busy].sort((x, y) => x.start - y.start)) {
      if (start > this.#end) this.#gaps.push({ start: this.#end, size: start - this.#end });
      this.#end = Math.max(this.#end, start + size);
    }
  }

  /** The first of the smallest gaps that are large enough. */
  take(cells: number): number {
    let best = -1;
    for (const [index, { size }] of this.#gaps.entries()) {
      if (size >= cells && (best < 0 || size < at(this.#gaps, best).size)) best = index;
      if (size === cells) break;
    }
    if (best < 0) {
      this.#end += cells;
      return this.#end - cells;
    }
    const { start, size } = at(this.#gaps, best);
    this.#gaps.splice(best, 1, ...(size > cells ? [{ start: start + cells, size: size - cells }] : []));
    return start;
  }
}
