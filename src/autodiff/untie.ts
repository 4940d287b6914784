/** Taking structure out of a term where it stands in the way: ties become guards, merged axes one label. */

import type { Builder } from "../ir/builder.ts";
import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { both, mapLabelled } from "./factors.ts";
import { coveredSize, expandTo, type Label, type Labelled, label, unionLabels } from "./labels.ts";
import { type Term, tiedLabels } from "./linear-map.ts";

/** true where two axes of one size have the same index. */
export function diagonalMask(b: Builder, size: number): Node {
  return b.compare("eq", b.iota([size, size], 0), b.iota([size, size], 1));
}

/** A tied label becomes two, one per side, and a guard that is true on the diagonal. */
export function untie(b: Builder, term: Term, tied: Label): Term {
  const inner = label(tied.size);
  const diagonal: Labelled = { node: diagonalMask(b, tied.size), labels: [tied, inner] };
  const axes = term.in.map((axis) => ({
    ...axis,
    labels: axis.labels.map((each) => (each === tied ? inner : each)),
  }));
  return { ...term, in: axes, guard: both(b, term.guard, diagonal) as Labelled };
}

/** No label is on both sides any more. */
export function untieAll(b: Builder, term: Term): Term {
  return tiedLabels(term).reduce((free, tied) => untie(b, free, tied), term);
}

/** Makes one axis' labels a single one (or none). */
export function mergeLabels(b: Builder, term: Term, place: { side: "in" | "out"; index: number }): Term {
  const { labels } = at(term[place.side], place.index);
  if (labels.length <= 1) return term;
  const free = tiedLabels(term)
    .filter((each) => labels.includes(each))
    .reduce((partly, tied) => untie(b, partly, tied), term);
  const old = at(free[place.side], place.index);
  const merged = label(coveredSize(old));
  const axes = free[place.side].map((axis) => (axis === old ? { ...old, labels: [merged] } : axis));
  return {
    ...mapLabelled(free, (value) => mergeIn(b, value, { old: old.labels, merged })),
    [place.side]: axes,
  };
}

function mergeIn(b: Builder, value: Labelled, change: { old: readonly Label[]; merged: Label }): Labelled {
  if (!change.old.some((each) => value.labels.includes(each))) return value;
  const rest = value.labels.filter((each) => !change.old.includes(each));
  const node = expandTo(b, value, unionLabels(rest, change.old));
  const labels = [...rest, change.merged];
  return {
    node: b.reshape(
      node,
      labels.map(({ size }) => size),
    ),
    labels,
  };
}
