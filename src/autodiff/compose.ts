/**
 * The product of two LinearMaps, term by term: second ∘ first.
 *
 * Middle axes are matched label by label (splitting merged axes, intersecting embedded ones), then the factors
 * are multiplied and labels that are left on neither side are summed. Identities cost nothing, diagonals one
 * product per cell, dense maps one contraction.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range } from "../ir/shape.ts";
import { mapLabelled, multiplyFactors, multiplyScalars } from "./factors.ts";
import {
  type Axis,
  axisSize,
  coveredSize,
  type Embed,
  type Label,
  label,
  relabel,
  restrict,
} from "./labels.ts";
import { isScalar, type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { mergeLabels, untie } from "./untie.ts";

/** second ∘ first, both sums of terms; parallel terms are not yet joined. */
export function composeMaps(b: Builder, second: LinearMap, first: LinearMap): LinearMap {
  return second.flatMap((outer) => first.flatMap((inner) => compose(b, outer, inner) ?? []));
}

interface Pair {
  second: Term;
  first: Term;
}

/** One term times one term; undefined where embedded axes do not meet. */
export function compose(b: Builder, second: Term, first: Term): Term | undefined {
  if (isScalar(second) && isScalar(first)) return multiplyScalars(b, second, first);
  const pair: Pair = { second: apart(b, second, first), first };
  for (const axis of range(first.out.length)) {
    if (!alignAxis(b, pair, axis)) return undefined;
  }
  const unify = new Map<Label, readonly Label[]>();
  pair.second.in.forEach((axis, index) => {
    axis.labels.forEach((each, position) => {
      unify.set(each, [at(at(pair.first.out, index).labels, position)]);
    });
  });
  return multiplyFactors(b, substitute(b, pair.second, unify), pair.first);
}

/** The second term with labels of its own, should the two share any. */
function apart(b: Builder, second: Term, first: Term): Term {
  const taken = new Set(labelsOf(first));
  const shared = labelsOf(second).filter((each) => taken.has(each));
  return substitute(b, second, new Map(shared.map((each) => [each, [label(each.size)]])));
}

/** Makes middle axis `index` of both terms the same list of labels without embedding. False: nothing in common. */
function alignAxis(b: Builder, pair: Pair, index: number): boolean {
  const axes = (): [Axis, Axis] => [at(pair.second.in, index), at(pair.first.out, index)];
  const [outer, inner] = axes();
  if (outer.embed === undefined && inner.embed === undefined) {
    const splits = commonSplits(outer.labels, inner.labels);
    if (splits !== undefined) {
      pair.second = substitute(b, pair.second, splits.left);
      pair.first = substitute(b, pair.first, splits.right);
      return true;
    }
  }
  pair.second = mergeLabels(b, pair.second, { side: "in", index });
  pair.first = mergeLabels(b, pair.first, { side: "out", index });
  return meet(b, pair, { index, axes: axes() });
}

/** Splits labels until both lists have equal sizes; undefined if the sizes interleave. */
function commonSplits(
  left: readonly Label[],
  right: readonly Label[],
): { left: Map<Label, Label[]>; right: Map<Label, Label[]> } | undefined {
  const queues: readonly [Label[], Label[]] = [[...left], [...right]];
  const parts = [
    new Map<Label, Label[]>(left.map((each) => [each, []])),
    new Map<Label, Label[]>(right.map((each) => [each, []])),
  ] as const;
  const remaining: [number, number] = [queues[0][0]?.size ?? 1, queues[1][0]?.size ?? 1];
  while (queues[0].length > 0 && queues[1].length > 0) {
    const [m, n] = remaining;
    const size = Math.min(m, n);
    if (size === 0 || m % size !== 0 || n % size !== 0) return undefined;
    for (const side of [0, 1] as const) {
      const current = at(queues[side], 0);
      (parts[side].get(current) as Label[]).push(size === current.size ? current : label(size));
      remaining[side] /= size;
      if (remaining[side] === 1) {
        queues[side].shift();
        remaining[side] = queues[side][0]?.size ?? 1;
      }
    }
  }
  return queues[0].length === queues[1].length ? { left: parts[0], right: parts[1] } : undefined;
}

/** Replaces labels by lists of labels everywhere in a term. */
export function substitute(b: Builder, term: Term, replace: ReadonlyMap<Label, readonly Label[]>): Term {
  const changes = [...replace].some(([from, to]) => to.length !== 1 || to[0] !== from);
  if (!changes) return term;
  const onAxis = (axis: Axis): Axis => ({
    ...axis,
    labels: axis.labels.flatMap((each) => replace.get(each) ?? [each]),
  });
  return mapLabelled({ ...term, out: term.out.map(onAxis), in: term.in.map(onAxis) }, (value) =>
    relabel(b, value, replace),
  );
}

/** Restricts both terms to the cells that both embedded axes cover. */
function meet(b: Builder, pair: Pair, middle: { index: number; axes: [Axis, Axis] }): boolean {
  const [outer, inner] = middle.axes.map((axis) => ({
    ...(axis.embed ?? { start: 0, step: 1, size: axisSize(axis) }),
    count: coveredSize(axis),
  })) as [Span, Span];
  const common = intersection(outer, inner);
  if (common === undefined) return false;
  const to = common.count === 1 ? [] : [label(common.count)];
  pair.second = restrictTerm(b, pair.second, { side: "in", index: middle.index, to, ...common.outer });
  pair.first = restrictTerm(b, pair.first, { side: "out", index: middle.index, to, ...common.inner });
  return true;
}

type Span = Embed & { readonly count: number };

/** Positions (as start and step within each span) of the cells two arithmetic progressions share. */
function intersection(outer: Span, inner: Span): { count: number; outer: Cut; inner: Cut } | undefined {
  const positions = new Map(
    range(inner.count).map((position) => [inner.start + position * inner.step, position]),
  );
  const pairs = range(outer.count).flatMap((position) => {
    const other = positions.get(outer.start + position * outer.step);
    return other === undefined ? [] : [[position, other] as const];
  });
  const [first, next] = pairs;
  if (first === undefined) return undefined;
  const [outerStep, innerStep] = next === undefined ? [1, 1] : [next[0] - first[0], next[1] - first[1]];
  return {
    count: pairs.length,
    outer: { start: first[0], step: outerStep },
    inner: { start: first[1], step: innerStep },
  };
}

interface Cut {
  readonly start: number;
  readonly step: number;
}

/** Keeps only some cells of one (merged) axis, which becomes `to`; a tied axis on the other side becomes embedded. */
function restrictTerm(
  b: Builder,
  term: Term,
  cut: Cut & { side: "in" | "out"; index: number; to: readonly Label[] },
): Term {
  const [from] = at(term[cut.side], cut.index).labels;
  const other = cut.side === "in" ? "out" : "in";
  const here = term[cut.side].map((axis, index) => (index === cut.index ? { labels: cut.to } : axis));
  if (from === undefined) return { ...term, [cut.side]: here };
  const shared = term[other].find((axis) => axis.labels.includes(from));
  if (shared !== undefined && shared.labels.length > 1) return restrictTerm(b, untie(b, term, from), cut);
  const there = term[other].map((axis) => (axis === shared ? embedded(axis, cut) : axis));
  const changed = mapLabelled(term, (value) => restrict(b, value, { ...cut, from }));
  return { ...changed, [cut.side]: here, [other]: there };
}

function embedded(axis: Axis, cut: Cut & { to: readonly Label[] }): Axis {
  const { start, step, size } = axis.embed ?? { start: 0, step: 1, size: axisSize(axis) };
  const count = cut.to.reduce((total, each) => total * each.size, 1);
  const next = { start: start + step * cut.start, step: step * cut.step, size };
  return next.start === 0 && next.step === 1 && count === size
    ? { labels: cut.to }
    : { labels: cut.to, embed: next };
}
