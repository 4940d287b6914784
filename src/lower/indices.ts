/**
 * Arithmetic on affine indices: offset + Σ stride · axis (+ indirect terms).
 *
 * Indices are canonical: terms sorted by axis, no zero strides, no axes of size one. So equal keys mean equal
 * indices, and `decomposed` can read a mixed-radix number off the strides.
 */

import { at } from "../ir/shape.ts";
import type { Shape } from "../ir/types.ts";
import type { Axis, Buffer, Index } from "./loops.ts";

/** The index 0. */
export const ZERO: Index = Object.freeze({ offset: 0, terms: [] });

/** Makes loop axes with ids of their own. */
export class Axes {
  #next = 0;

  make(size: number): Axis {
    return Object.freeze({ id: this.#next++, size });
  }
}

/** The axis itself as an index; an axis of size one is always 0. */
export function ofAxis(axis: Axis): Index {
  return axis.size === 1 ? ZERO : { offset: 0, terms: [{ axis, stride: 1 }] };
}

/** a · scale + shift. */
export function scaled(index: Index, scale: number, shift = 0): Index {
  if (scale === 1 && shift === 0) return index;
  if (scale === 0) return { offset: shift, terms: [] };
  const terms = index.terms.map(({ axis, stride }) => ({ axis, stride: stride * scale }));
  const offset = index.offset * scale + shift;
  if (index.indirect === undefined) return { offset, terms };
  return {
    offset,
    terms,
    indirect: index.indirect.map((entry) => ({ ...entry, stride: entry.stride * scale })),
  };
}

/** Sum of two indices. */
export function plus(a: Index, b: Index): Index {
  const strides = new Map<Axis, number>();
  for (const { axis, stride } of [...a.terms, ...b.terms])
    strides.set(axis, (strides.get(axis) ?? 0) + stride);
  const terms = [...strides]
    .filter(([axis, stride]) => stride !== 0 && axis.size !== 1)
    .sort(([x], [y]) => x.id - y.id)
    .map(([axis, stride]) => ({ axis, stride }));
  const indirect = [...(a.indirect ?? []), ...(b.indirect ?? [])];
  return { offset: a.offset + b.offset, terms, ...(indirect.length === 0 ? {} : { indirect }) };
}

/** Σ coordinates[d] · strides[d] + offset. */
export function linear(coordinates: readonly Index[], strides: readonly number[], offset = 0): Index {
  return coordinates.reduce<Index>((sum, index, axis) => plus(sum, scaled(index, at(strides, axis))), {
    offset,
    terms: [],
  });
}

/** table[index] as an index. */
export function lookedUp(table: Buffer, index: Index): Index {
  return { offset: 0, terms: [], indirect: [{ table, index, stride: 1 }] };
}

/** The index with axes replaced by indices over other axes. */
export function substituted(index: Index, map: ReadonlyMap<Axis, Index>): Index {
  const start: Index = { offset: index.offset, terms: [] };
  const direct = index.terms.reduce<Index>(
    (sum, { axis, stride }) => plus(sum, scaled(map.get(axis) ?? ofAxis(axis), stride)),
    start,
  );
  if (index.indirect === undefined) return direct;
  const indirect = index.indirect.map((entry) => ({ ...entry, index: substituted(entry.index, map) }));
  return plus(direct, { offset: 0, terms: [], indirect });
}

/** Equal keys, equal indices. */
export function indexKey(index: Index): string {
  const direct = index.terms.map(({ axis, stride }) => `${axis.id}*${stride}`).join("+");
  const indirect = (index.indirect ?? []).map(
    ({ table, index: inner, stride }) => `t${table.id}[${indexKey(inner)}]*${stride}`,
  );
  return `${index.offset}+${direct}${indirect.length === 0 ? "" : `+${indirect.sort().join("+")}`}`;
}

/** The key of a list of indices. */
export const indicesKey = (indices: readonly Index[]): string => indices.map(indexKey).join(",");

/** All axes an index depends on, through tables too. */
export function axesOf(index: Index): Axis[] {
  return [
    ...index.terms.map(({ axis }) => axis),
    ...(index.indirect ?? []).flatMap((entry) => axesOf(entry.index)),
  ];
}

/** The index's value where it depends on no axis and no table. */
export function constantOf(index: Index): number | undefined {
  return index.terms.length === 0 && index.indirect === undefined ? index.offset : undefined;
}

/** An axis to be replaced by two: axis = outer · inner + inner axis. */
export interface Split {
  readonly axis: Axis;
  readonly inner: number;
}

/** What a cell number says about coordinates: all of them, or which axis must be split first, or nothing. */
export type Decomposition =
  | { readonly coordinates: readonly Index[] }
  | { readonly split: Split }
  | undefined;

/** The row-major coordinates in `shape` of cell number `index`; undefined if they are not affine in the axes. */
export function decomposed(index: Index, shape: Shape): Decomposition {
  if (index.indirect !== undefined || index.offset < 0) return undefined;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const coordinates = strides.map(
    (stride, axis): Index => ({ offset: Math.floor(index.offset / stride) % at(shape, axis), terms: [] }),
  );
  for (const { axis, stride } of index.terms) {
    const dimension = strides.findIndex((own, position) => own <= stride && at(shape, position) > 1);
    if (dimension < 0 || stride % at(strides, dimension) !== 0) return undefined;
    const reach = at(strides, dimension) * at(shape, dimension);
    if (stride * (axis.size - 1) >= reach) return splitting(axis, reach / stride);
    coordinates[dimension] = plus(
      at(coordinates, dimension),
      scaled(ofAxis(axis), stride / at(strides, dimension)),
    );
  }
  return coordinates.every((coordinate, axis) => largest(coordinate) < at(shape, axis))
    ? { coordinates }
    : undefined;
}

function splitting(axis: Axis, inner: number): Decomposition {
  return Number.isInteger(inner) && inner > 1 && axis.size % inner === 0
    ? { split: { axis, inner } }
    : undefined;
}

function largest(index: Index): number {
  return index.terms.reduce(
    (sum, { axis, stride }) => sum + Math.max(0, stride) * (axis.size - 1),
    index.offset,
  );
}

/**
 * Solves coordinates(axes) = targets for the axes: each axis as an index over the targets' axes.
 * Undefined unless the coordinates run through all their cells exactly once (a bijection of mixed radix).
 */
export function inverted(
  pairs: readonly { from: Index; to: Index; size: number }[],
  axes: readonly Axis[],
): Map<Axis, Index> | { split: Split } | undefined {
  const solved = new Map<Axis, Index>();
  for (const { from, to, size } of pairs) {
    if (from.offset !== 0 || from.indirect !== undefined) return undefined;
    const terms = [...from.terms].sort((x, y) => y.stride - x.stride);
    const sizes = terms.map(({ axis }) => axis.size);
    const exact = terms.every(
      ({ stride }, index) => stride === sizes.slice(index + 1).reduce((product, own) => product * own, 1),
    );
    if (!exact || sizes.reduce((product, own) => product * own, 1) !== size) return undefined;
    const digits = terms.length === 1 ? { coordinates: [to] } : decomposed(to, sizes);
    if (digits === undefined || "split" in digits) return digits;
    for (const [index, { axis }] of terms.entries()) {
      if (solved.has(axis)) return undefined;
      solved.set(axis, at(digits.coordinates, index));
    }
  }
  return axes.every((axis) => axis.size === 1 || solved.has(axis)) ? solved : undefined;
}
