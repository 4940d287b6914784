/**
 * Adding parallel terms of a LinearMap.
 *
 * Terms of equal structure become one (their factors are added); a dense term swallows what is not
 * embedded (I + J is one array); embedded blocks stay apart, so concatenations cost nothing.
 */

import type { Builder } from "../ir/builder.ts";
import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { substitute } from "./compose.ts";
import { guarded, withParts } from "./factors.ts";
import { axisSize, expandTo, freshAxes, type Labelled, labelled, zip } from "./labels.ts";
import { isDense, isScalar, type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { denseNode } from "./materialize.ts";

/** The sum with parallel terms joined. */
export function join(b: Builder, terms: LinearMap): LinearMap {
  const [first, second, third] = terms;
  if (
    first !== undefined &&
    second !== undefined &&
    third === undefined &&
    isScalar(first) &&
    isScalar(second)
  )
    return [addTerms(b, first, second)];
  const byStructure = new Map<string, Term>();
  for (const term of terms) {
    const key = structureOf(term);
    const other = byStructure.get(key);
    byStructure.set(key, other === undefined ? term : addTerms(b, other, term));
  }
  const joined = [...byStructure.values()];
  const plain = joined.filter((term) => [...term.out, ...term.in].every((axis) => axis.embed === undefined));
  if (plain.length < 2 || !plain.some(isDense)) return joined;
  const dense = plain.map((term) => denseTerm(b, term)).reduce((x, y) => addTerms(b, x, y));
  return [dense, ...joined.filter((term) => !plain.includes(term))];
}

/** Equal text, equal structure: sizes, ties and embeddings of all axes. */
function structureOf(term: Term): string {
  const names = new Map(labelsOf(term).map((each, index) => [each, index]));
  return [...term.out, undefined, ...term.in]
    .map((axis) => {
      if (axis === undefined) return "<-";
      const labels = axis.labels.map((each) => `${names.get(each)}:${each.size}`).join("*");
      return axis.embed === undefined
        ? labels
        : `${labels}@${axis.embed.start}+${axis.embed.step}/${axis.embed.size}`;
    })
    .join(" ");
}

/** x + y for terms of equal structure, on x's labels. */
function addTerms(b: Builder, x: Term, y: Term): Term {
  const target = labelsOf(x);
  const source = labelsOf(y);
  const onto =
    source.length === 0
      ? y
      : substitute(b, y, new Map(source.map((each, index) => [each, [at(target, index)]])));
  const frame = { out: x.out, in: x.in, scale: 1 };
  if (
    x.factor === undefined &&
    onto.factor === undefined &&
    x.guard === undefined &&
    onto.guard === undefined
  ) {
    return withParts({ ...frame, scale: x.scale + onto.scale }, memoryOf(b, x, onto));
  }
  if (onto.guard?.node.op === "not" && x.guard !== undefined && onto.guard.node.a === x.guard.node)
    return choose(b, x, onto);
  if (x.guard?.node.op === "not" && onto.guard !== undefined && x.guard.node.a === onto.guard.node)
    return choose(b, onto, x);
  if (x.guard !== undefined && sameLabelled(x.guard, onto.guard)) return addBehindGuard(b, x, onto);
  const { scale, factor } = addScaled(b, x, onto);
  return withParts({ ...frame, scale }, { factor, ...memoryOf(b, x, onto) });
}

/** One guard for both: it stays in front of the sum, not yet applied. */
function addBehindGuard(b: Builder, x: Term, y: Term): Term {
  const [p, q] = [x, y].map((term) => withParts(term, { factor: term.factor, memory: term.memory })) as [
    Term,
    Term,
  ];
  const { scale, factor } = addScaled(b, p, q);
  return withParts({ out: x.out, in: x.in, scale }, { factor, guard: x.guard, ...memoryOf(b, p, q) });
}

function sameLabelled(x: Labelled, y: Labelled | undefined): boolean {
  return x.node === y?.node && x.labels.every((each, index) => each === y.labels[index]);
}

/** Complementary guards: one select; what is remembered is chosen too. */
function choose(b: Builder, x: Term, y: Term): Term {
  const labels = labelsOf(x).filter((each) =>
    [x.guard, x.factor, y.factor].some((value) => value?.labels.includes(each)),
  );
  const full = (value: Labelled): Node => expandTo(b, value, labels);
  const node = b.select(full(x.guard as Labelled), full(scaled(b, x)), full(scaled(b, y)));
  const memory = x.memory === undefined && y.memory === undefined ? {} : memoryOf(b, x, y);
  return withParts({ out: x.out, in: x.in, scale: 1 }, { factor: { node, labels }, ...memory });
}

function scaled(b: Builder, term: Term): Labelled {
  const { node, labels } = term.factor ?? { node: b.constant(1), labels: [] };
  return { node: b.mul(b.constant(term.scale), node), labels };
}

/** x + y; a scale that both have, up to the sign, stays in front. */
function addScaled(b: Builder, x: Term, y: Term): { scale: number; factor: Labelled } {
  const [p, q] = [filled(b, x), filled(b, y)];
  if (x.scale === y.scale) return { scale: x.scale, factor: zip((m, n) => b.add(m, n), b, [p, q]) };
  if (x.scale === -y.scale) {
    // The positive scale in front: primal values are written so, and shared with them.
    const parts: [Labelled, Labelled] = x.scale > 0 ? [p, q] : [q, p];
    return { scale: Math.abs(x.scale), factor: zip((m, n) => b.sub(m, n), b, parts) };
  }
  const times = (value: Labelled, scale: number): Labelled =>
    scale === 1 ? value : { ...value, node: b.mul(b.constant(scale), value.node) };
  return { scale: 1, factor: zip((m, n) => b.add(m, n), b, [times(p, x.scale), times(q, y.scale)]) };
}

function filled(b: Builder, { guard, factor }: Term): Labelled {
  return guarded(b, guard, factor) ?? { node: b.constant(1), labels: [] };
}

/** A sum is certainly zero only where both are. */
function memoryOf(b: Builder, x: Term, y: Term): { memory?: Labelled } {
  const [p, q] = [x, y].map((term) => aliveWhere(b, term));
  return p === undefined || q === undefined ? {} : { memory: zip((m, n) => b.logic("or", m, n), b, [p, q]) };
}

function aliveWhere(b: Builder, term: Term): Labelled | undefined {
  if (term.guard === undefined || term.memory === undefined) return term.guard ?? term.memory;
  return zip((m, n) => b.logic("and", m, n), b, [term.guard, term.memory]);
}

/** The term as one dense array over fresh labels. */
function denseTerm(b: Builder, term: Term): Term {
  if (isDense(term) && term.guard === undefined) return term;
  const out = freshAxes(term.out.map(axisSize));
  const from = freshAxes(term.in.map(axisSize));
  const factor = labelled(b, denseNode(b, [term], [out.map(axisSize), from.map(axisSize)]), [
    ...out,
    ...from,
  ]);
  return { out, in: from, scale: 1, factor };
}
