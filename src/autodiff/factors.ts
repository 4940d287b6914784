/**
 * Multiplying the factors and guards of two aligned terms.
 *
 * Guards are conjoined by products, and joined with "any" by sums over labels. A guard is applied by select,
 * after multiplying whenever the other factor may be infinite, so 0 · ∞ never arises from a branch not taken.
 */

import type { Builder } from "../ir/builder.ts";
import { uniformValue } from "../ir/identities.ts";
import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { maybeInfinite } from "./finite.ts";
import {
  expandTo,
  type Label,
  type Labelled,
  labelsOfAxes,
  ordered,
  reduceLabels,
  unionLabels,
  zip,
} from "./labels.ts";
import { labelsOf, type Term } from "./linear-map.ts";

type Maybe = Labelled | undefined;

/** Conjunction of two guards; absent means true. */
export function both(b: Builder, x: Maybe, y: Maybe): Maybe {
  if (x === undefined || y === undefined) return x ?? y;
  return x.node === y.node && x.labels.every((each, index) => each === y.labels[index])
    ? x
    : zip((p, q) => b.logic("and", p, q), b, [x, y]);
}

/** Applies a change to factor, guard and memory alike. */
export function mapLabelled(term: Term, change: (value: Labelled) => Labelled): Term {
  const { factor, guard, memory, ...rest } = term;
  return withParts(rest, {
    factor: factor && change(factor),
    guard: guard && change(guard),
    memory: memory && change(memory),
  });
}

/** A term of the given frame with the parts that are present. */
export function withParts(
  frame: Pick<Term, "out" | "in" | "scale">,
  parts: { factor?: Maybe; guard?: Maybe; memory?: Maybe },
): Term {
  const { out, in: from, scale } = frame;
  const { factor, guard, memory } = parts;
  return {
    out,
    in: from,
    scale,
    ...(factor && { factor }),
    ...(guard && { guard }),
    ...(memory && { memory }),
  };
}

/** select(guard, factor, 0), the factor 1 where absent; undefined if there is neither. */
export function guarded(b: Builder, guard: Maybe, factor: Maybe): Maybe {
  if (guard === undefined) return factor;
  if (factor === undefined) return { node: b.convert(guard.node, "float"), labels: guard.labels };
  const labels = unionLabels(factor.labels, guard.labels);
  const zero = b.constant(
    0,
    labels.map(({ size }) => size),
  );
  return { node: b.select(expandTo(b, guard, labels), expandTo(b, factor, labels), zero), labels };
}

const singular = (value: Maybe): boolean => value !== undefined && maybeInfinite(value.node);

const isPlain = ({ guard, memory, factor }: Term): boolean =>
  guard === undefined && memory === undefined && (factor === undefined || factor.node.level === "row");

/** x · y in a derivative, where (u + u)(v/2), as roots of sums of squares have it, is u v. */
function scalarProduct(b: Builder, x: Node, y: Node): Node {
  const [u, v] = halfOfSum(x) === undefined ? [halfOfSum(y), doubleOf(x)] : [halfOfSum(x), doubleOf(y)];
  return u === undefined || v === undefined ? b.mul(x, y) : b.mul(u, v);
}

/** u of u + u. */
function halfOfSum(node: Node): Node | undefined {
  return node.op === "add" && node.a === node.b ? node.a : undefined;
}

/** v of v/2, written as a product. */
function doubleOf(node: Node): Node | undefined {
  if (node.op !== "mul") return undefined;
  return uniformValue(node.a) === 0.5 ? node.b : uniformValue(node.b) === 0.5 ? node.a : undefined;
}

/** The product of two terms of scalars: of rows' numbers without guards at once, otherwise as any other. */
export function multiplyScalars(b: Builder, second: Term, first: Term): Term {
  const [x, y] = [second.factor, first.factor];
  if (!isPlain(second) || !isPlain(first)) return multiplyFactors(b, second, first);
  const factor =
    x === undefined || y === undefined
      ? (x ?? y)
      : { node: scalarProduct(b, x.node, y.node), labels: x.labels };
  const scale = second.scale * first.scale;
  return factor === undefined
    ? { out: second.out, in: first.in, scale }
    : { out: second.out, in: first.in, scale, factor };
}

/** The product of two terms whose middle axes carry the same labels; labels left on neither side are summed. */
export function multiplyFactors(b: Builder, second: Term, first: Term): Term {
  const frame = { out: second.out, in: first.in, scale: second.scale * first.scale };
  const kept = labelsOf(frame);
  const summed = labelsOfAxes(first.out).filter((each) => !kept.includes(each));
  const remembers =
    (first.memory !== undefined && singular(second.factor)) ||
    (second.memory !== undefined && singular(first.factor));
  const memory = both(b, second.memory, first.memory);
  const pending = both(b, second.guard, first.guard);
  const guard = remembers ? both(b, pending, memory) : pending;
  if (guard === undefined || !guard.labels.some((each) => summed.includes(each))) {
    const { factor, repeats } = contractFactors(b, [second.factor, first.factor], { kept, summed });
    const carried = guard && {
      node: ordered(
        b,
        guard,
        kept.filter((each) => guard.labels.includes(each)),
      ),
      labels: kept.filter((each) => guard.labels.includes(each)),
    };
    return withParts(
      { ...frame, scale: frame.scale * repeats },
      { factor, guard: carried, memory: memory && reduceLabels(b, memory, summed) },
    );
  }
  const { factor, repeats } = sumGuarded(b, [second.factor, first.factor], { kept, summed, guard });
  return withParts(
    { ...frame, scale: frame.scale * repeats },
    { factor, memory: reduceLabels(b, both(b, guard, memory) as Labelled, summed) },
  );
}

interface Sum {
  readonly kept: readonly Label[];
  readonly summed: readonly Label[];
}

/** The guard runs over summed labels: it must be applied before the sum. */
function sumGuarded(
  b: Builder,
  [x, y]: readonly [Maybe, Maybe],
  sum: Sum & { guard: Labelled },
): { factor: Maybe; repeats: number } {
  if (singular(x) && singular(y)) {
    const full = zip((p, q) => b.mul(p, q), b, [x as Labelled, y as Labelled]);
    return contractFactors(b, [guarded(b, sum.guard, full), undefined], sum);
  }
  const regrouped = sharedProduct(b, [x, y], sum);
  if (regrouped !== undefined) {
    const row = { node: b.convert(sum.guard.node, "float"), labels: sum.guard.labels };
    return contractFactors(b, [regrouped, row], sum);
  }
  // 0 · finite is 0, so the guard may be applied to one factor alone: to the one that may be infinite, else to the smaller result.
  const sizeWith = (value: Maybe): number =>
    unionLabels(sum.guard.labels, value?.labels ?? []).reduce((size, each) => size * each.size, 1);
  const onFirst = singular(y) || (!singular(x) && sizeWith(y) <= sizeWith(x));
  return contractFactors(b, onFirst ? [x, guarded(b, sum.guard, y)] : [guarded(b, sum.guard, x), y], sum);
}

/** Σ over summed labels of x · y, its labels in the order of `kept`; `repeats` counts summed labels that neither has. */
function contractFactors(
  b: Builder,
  [x, y]: readonly [Maybe, Maybe],
  { kept, summed }: Sum,
): { factor: Maybe; repeats: number } {
  const has = (value: Maybe, each: Label): boolean => value?.labels.includes(each) ?? false;
  const repeats = summed
    .filter((each) => !has(x, each) && !has(y, each))
    .reduce((size, each) => size * each.size, 1);
  const left =
    x &&
    reduceLabels(
      b,
      x,
      summed.filter((each) => !has(y, each)),
    );
  const right =
    y &&
    reduceLabels(
      b,
      y,
      summed.filter((each) => !has(x, each)),
    );
  const regrouped = regroup(b, [left, right], { kept, summed });
  if (regrouped !== undefined) return { ...contractFactors(b, regrouped, { kept, summed }), repeats };
  const labels = kept.filter((each) => has(left, each) || has(right, each));
  if (left === undefined || right === undefined) {
    const only = left ?? right;
    const same = only?.labels.every((each, index) => each === labels[index]);
    return { factor: only && (same ? only : { node: ordered(b, only, labels), labels }), repeats };
  }
  const node = productNode(b, [left, right], labels);
  return { factor: { node, labels, ...partsOf([left, right], summed) }, repeats };
}

const isShared = (value: Labelled): boolean => value.node.level !== "row";
const cellsOf = (labels: readonly Label[]): number => labels.reduce((size, each) => size * each.size, 1);

/** Remembers a product of a shared and a row's value, nothing being summed. */
function partsOf([x, y]: readonly [Labelled, Labelled], summed: readonly Label[]): Pick<Labelled, "product"> {
  if (isShared(x) === isShared(y) || x.labels.some((each) => summed.includes(each))) return {};
  return { product: isShared(x) ? { shared: x, row: y } : { shared: y, row: x } };
}

/** Cells of one product of shared factors: 16 MB. */
const MOST_SHARED_CELLS = 2_000_000;
/** What regrouping must save of the contraction. */
const WORTHWHILE = 0.05;

/** A (B r) as (A B) r: shared A and B are multiplied once for all rows, if that can save a product per row worth saving. */
function regroup(b: Builder, pair: readonly [Maybe, Maybe], sum: Sum): [Labelled, Labelled] | undefined {
  const [x, y] = pair[1]?.product === undefined ? [pair[1], pair[0]] : pair;
  if (x === undefined || y?.product === undefined || !isShared(x)) return undefined;
  const scalars = x.labels.length + y.labels.length === 0;
  if (sum.summed.length === 0 && !scalars) return undefined;
  const { shared, row } = y.product;
  const together = sharedProduct(b, [x, shared], sum);
  return together && [together, row];
}

/** The product of two shared factors over all their labels, where that is small and saves enough. */
function sharedProduct(b: Builder, [x, y]: readonly [Maybe, Maybe], sum: Sum): Labelled | undefined {
  if (x === undefined || y === undefined || !isShared(x) || !isShared(y)) return undefined;
  const cells = cellsOf(unionLabels(x.labels, y.labels));
  const saved = Math.min(cellsOf(x.labels), cellsOf(y.labels));
  const summedInBoth = sum.summed.every((each) => x.labels.includes(each) && y.labels.includes(each));
  if (!summedInBoth || cells > MOST_SHARED_CELLS || saved < WORTHWHILE * cells) return undefined;
  return zip((p, q) => b.mul(p, q), b, [x, y]);
}

/** A product, and the place of each of its axes among the labels of what it multiplies. */
interface Product {
  readonly node: Node;
  readonly places: readonly number[];
}

/** Products made so far, by what they multiply. */
const known = new WeakMap<Builder, Map<string, Product>>();

/** The product, or the transposed view of one that was made before: sweeps in both directions meet in the same Jacobians. */
function productNode(b: Builder, pair: readonly [Labelled, Labelled], out: readonly Label[]): Node {
  const products = known.get(b) ?? new Map<string, Product>();
  known.set(b, products);
  const [x, y] = pair.map(untransposed).sort((p, q) => p.node.id - q.node.id) as [Labelled, Labelled];
  const all = unionLabels(x.labels, y.labels);
  const places = out.map((each) => all.indexOf(each));
  const operand = ({ node, labels }: Labelled): string =>
    `%${node.id}[${labels.map((each) => all.indexOf(each)).join()}]`;
  const key = `${operand(x)} ${operand(y)} ${[...places].sort((p, q) => p - q).join()}`;
  const found = products.get(key);
  if (found !== undefined)
    return b.transpose(
      found.node,
      places.map((place) => found.places.indexOf(place)),
    );
  const node = freshProduct(b, pair, out);
  products.set(key, { node, places });
  return node;
}

/** The value beneath a transposition. */
function untransposed({ node, labels }: Labelled): Labelled {
  if (node.op !== "transpose") return { node, labels };
  const { order } = node;
  return untransposed({ node: node.a, labels: labels.map((_, axis) => at(labels, order.indexOf(axis))) });
}

function freshProduct(b: Builder, [x, y]: readonly [Labelled, Labelled], out: readonly Label[]): Node {
  const all = unionLabels(x.labels, y.labels);
  if (all.length === out.length) return b.mul(expandTo(b, x, out), expandTo(b, y, out));
  const indexOf = (labels: readonly Label[]): number[] => labels.map((each) => all.indexOf(each));
  return b.contract(x.node, y.node, { a: indexOf(x.labels), b: indexOf(y.labels), out: indexOf(out) });
}
