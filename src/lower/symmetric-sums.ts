/**
 * Sums of products of a value with itself, Σ JᵀJ: only one triangle of blocks is added up.
 *
 * In: a `Sum` over square results. Out: sums over blocks (i, j) with i ≤ j, which together cost little more than half. Whoever reads
 * the result takes cell (j, i) for a cell (i, j) below the blocks of the diagonal.
 */

import { sizeOf } from "../ir/shape.ts";
import type { Access, Axis, Sum, Symmetric } from "./loops.ts";

/** Blocks on the diagonal are at least this long, and there are at most so many. */
const LEAST_BLOCK = 8;
const MOST_BLOCKS = 16;

/** A sum in blocks, and how to read the result. */
export interface Halved {
  readonly stages: readonly Sum[];
  readonly symmetric: Symmetric;
}

/** The sum's upper triangle; undefined where the sum is not symmetric, or too small to gain. */
export function halved(sum: Sum, makeAxis: (size: number) => Axis): Halved | undefined {
  const { a, b, into, batch } = sum;
  const [m, n] = [sum.m[0], sum.n[0]];
  if (b === undefined || m === undefined || n === undefined || m.size !== n.size) return undefined;
  if (sizeOf([...batch, ...sum.m.slice(1), ...sum.n.slice(1)].map(({ size }) => size)) > 1) return undefined;
  if (a.buffer !== b.buffer || !sameIndex(a, b, new Map([[m, n]])) || m.size < 2 * LEAST_BLOCK)
    return undefined;
  const wanted = Math.ceil(m.size / MOST_BLOCKS / LEAST_BLOCK) * LEAST_BLOCK;
  const block = (rows: Span, columns: Span): Sum => {
    const [down, along] = [makeAxis(rows.size), makeAxis(columns.size)];
    const terms = [
      { axis: down, stride: m.size },
      { axis: along, stride: 1 },
    ];
    return {
      ...sum,
      m: down.size > 1 ? [down] : [],
      n: along.size > 1 ? [along] : [],
      a: moved(a, { from: m, to: down, start: rows.start }),
      b: moved(b, { from: n, to: along, start: columns.start }),
      into: { buffer: into.buffer, index: { offset: rows.start * m.size + columns.start, terms } },
    };
  };
  const triangle = ({ start, size }: Span): Sum[] => {
    if (size <= wanted) return [block({ start, size }, { start, size })];
    const half = Math.ceil(size / wanted / 2) * wanted;
    const [first, second] = [
      { start, size: half },
      { start: start + half, size: size - half },
    ];
    return [...triangle(first), block(first, second), ...triangle(second)];
  };
  return { stages: triangle({ start: 0, size: m.size }), symmetric: { size: m.size, block: wanted } };
}

interface Span {
  readonly start: number;
  readonly size: number;
}

function sameIndex(a: Access, b: Access, renamed: ReadonlyMap<Axis, Axis>): boolean {
  const key = ({ index }: Access, rename: (axis: Axis) => Axis): string =>
    index.terms
      .map(({ axis, stride }) => `${rename(axis).id}:${stride}`)
      .sort()
      .join();
  const same = key(a, (axis) => renamed.get(axis) ?? axis) === key(b, (axis) => axis);
  return same && a.index.offset === b.index.offset && (a.index.indirect ?? b.index.indirect) === undefined;
}

function moved(
  { buffer, index }: Access,
  { from, to, start }: { from: Axis; to: Axis; start: number },
): Access {
  const stride = index.terms.find(({ axis }) => axis === from)?.stride ?? 0;
  const terms = index.terms.map((term) => (term.axis === from ? { axis: to, stride } : term));
  return { buffer, index: { offset: index.offset + start * stride, terms } };
}

/** A symmetric result with the cells below its diagonal filled in. */
export function mirrored(held: Float64Array, { size, block }: Symmetric): Float64Array {
  const full = held.slice();
  for (let row = block; row < size; row++) {
    const end = row - (row % block);
    for (let column = 0; column < end; column++)
      full[row * size + column] = held[column * size + row] as number;
  }
  return full;
}
