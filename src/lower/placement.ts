/**
 * Places tile buffers in scratch: buffers whose lives do not overlap share cells.
 *
 * A buffer lives from the first stage that stores it to the last that touches it; inputs live from the start, outputs to
 * the end. Best fit into gaps, in order of birth; inputs and outputs have places of their own.
 */

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
  let alive: Life[] = [];
  for (const life of [...lives].sort((x, y) => x.from - y.from || y.buffer.cells - x.buffer.cells)) {
    alive = alive.filter((other) => other.to >= life.from);
    const busy = alive.map(({ buffer }) => ({
      start: placement.get(buffer) as number,
      end: (placement.get(buffer) as number) + buffer.cells,
    }));
    placement.set(
      life.buffer,
      bestGap(
        busy.sort((x, y) => x.start - y.start),
        life.buffer.cells,
      ),
    );
    alive.push(life);
  }
  let scratchCells = 0;
  for (const [buffer, start] of placement) scratchCells = Math.max(scratchCells, start + buffer.cells);
  return { placement, scratchCells };
}

function bestGap(busy: readonly { start: number; end: number }[], cells: number): number {
  let end = 0;
  let best: { start: number; size: number } | undefined;
  for (const range of busy) {
    const size = range.start - end;
    if (size >= cells && (best === undefined || size < best.size)) best = { start: end, size };
    end = Math.max(end, range.end);
  }
  return best?.start ?? end;
}
