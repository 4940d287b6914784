/** Places in scratch: what lives at the same time never shares cells, and each buffer takes the first of the smallest gaps. */

import { expect, test } from "vitest";
import { range } from "../../src/ir/shape.ts";
import type { Buffer } from "../../src/lower/loops.ts";
import { placed } from "../../src/lower/placement.ts";
import { Random } from "../ir/random.ts";

type Life = Parameters<typeof placed>[0][number];

function randomLives(seed: number): Life[] {
  const random = new Random(seed);
  const stages = random.between(1, 40);
  const sizes = random.pick([[1], [1, 2, 3], [0, 1, 4, 7, 64]]);
  return range(random.between(1, 200)).map((id): Life => {
    const from = random.between(-1, stages);
    const buffer: Buffer = { id, space: "tile", cells: random.pick(sizes), cell: "float", name: `b${id}` };
    return { buffer, from, to: random.between(from, stages) };
  });
}

const inOrder = (lives: readonly Life[]): Life[] =>
  lives
    .filter(({ buffer }) => buffer.cells > 0)
    .sort((x, y) => x.from - y.from || y.buffer.cells - x.buffer.cells);

/** The same by its definition: every cell marked, all gaps looked at. */
function byDefinition(lives: readonly Life[]): Map<Buffer, number> {
  const places = new Map<Buffer, number>();
  for (const [index, life] of inOrder(lives).entries()) {
    const alive = inOrder(lives)
      .slice(0, index)
      .filter(({ to }) => to >= life.from);
    const spans = alive
      .map(({ buffer }) => ({ start: places.get(buffer) as number, size: buffer.cells }))
      .sort((x, y) => x.start - y.start);
    let end = 0;
    const gaps = spans.flatMap(({ start, size }) => {
      const gap = { start: end, size: start - end };
      end = start + size;
      return gap.size >= life.buffer.cells ? [gap] : [];
    });
    const [best] = gaps.sort((x, y) => x.size - y.size || x.start - y.start);
    places.set(life.buffer, best?.start ?? end);
  }
  return places;
}

test("buffers lie where best fit puts them", () => {
  for (const seed of range(60)) {
    const lives = randomLives(seed);
    const { placement, scratchCells } = placed(lives);
    const expected = byDefinition(lives);
    const ends = [...expected].map(([buffer, start]) => start + buffer.cells);
    for (const [buffer, start] of expected) expect(placement.get(buffer), `seed ${seed}`).toBe(start);
    expect(scratchCells).toBe(
      Math.max(0, ...ends, ...[...placement].map(([{ cells }, start]) => start + cells)),
    );
    expect(placement.size).toBe(lives.length);
  }
});
