/**
 * The distributive law for contractions: Σ (p ⊗ q) w = p ⊗ Σ q w, (u + v) w = u w + v w, (x a) b = x (a b).
 *
 * In: a contraction. Out: an equal one of at most half its multiplications, or nothing. Taken apart are sums, products of values that
 * repeat along each other's axes, and products with constants, which are multiplied once for all rows. Always: differences of what is
 * given are taken first, for they are exact where it is nearly equal.
 */

import type { Builder } from "../ir/builder.ts";
import { isSelection, uniformValue } from "../ir/identities.ts";
import { at, range } from "../ir/shape.ts";
import type { BinaryNode, ContractNode, Node } from "../ir/types.ts";
import { type Labelled, thinned } from "./contract.ts";
import type { RuleContext } from "./rewrite.ts";

/** Smaller contractions are left as they are. */
const LEAST_WORK = 4096;
/** What is taken apart has more stages: it must save so much. */
const LEAST_GAIN = 2;
/** A product of two row values takes the time of so many with weights. */
const ROW_BY_ROW = 2;
/** Products of constants take no more multiplications: they are formed when weights are bound. */
const MOST_SHARED = 1 << 23;
/** Sums and products inside one another that are looked into. */
const MOST_DEPTH = 6;

/** A contraction: a value that may be taken apart, times another. */
interface Task {
  readonly value: Labelled;
  readonly other: Labelled;
  readonly out: readonly number[];
  /** Is the value made for this contraction alone? */
  readonly own: boolean;
  readonly depth: number;
}

/** A way to make it, and its multiplications. */
interface Way {
  readonly work: number;
  readonly make: () => Node;
}

/** The contraction taken apart, if that saves enough. */
export function factored(node: ContractNode, context: RuleContext): Node | undefined {
  const [a, b] = operandsOf(node);
  if (node.level !== "row" || isSelection(a.node) || isSelection(b.node)) return undefined;
  const ways = [[a, b] as const, [b, a] as const].flatMap(([value, other]) => {
    const task = { value, other, out: node.outLabels, own: context.readOnce(value.node), depth: 0 };
    const [usual, best] = [plain(task, context), bestWay(task, context)];
    return usual.work >= LEAST_WORK && best.work * LEAST_GAIN <= usual.work ? [best] : [];
  });
  return ways.length === 0 ? undefined : cheapest(ways).make();
}

const cheapest = (ways: readonly Way[]): Way => ways.reduce((x, y) => (y.work < x.work ? y : x));

const operandsOf = ({ a, b, aLabels, bLabels }: ContractNode): [Labelled, Labelled] => [
  { node: a, labels: aLabels },
  { node: b, labels: bLabels },
];

function bestWay(task: Task, context: RuleContext): Way {
  const { node } = task.value;
  const usual = plain(task, context);
  if (task.depth > MOST_DEPTH || node.level !== "row") return usual;
  if (node.op === "add" || node.op === "sub")
    return isGiven(node.a) && isGiven(node.b) ? usual : cheapest([usual, bySum(task, node, context)]);
  if (node.op === "mul") return cheapest([usual, ...byProduct(task, node, context)]);
  if (node.op === "contract") return cheapest([usual, ...byConstants(task, node, context)]);
  if (node.op === "broadcast") return cheapest([usual, ...byRepeat(task, context)]);
  return usual;
}

/** As it is, with what is made for it alone. Axes along which the value only repeats take no work where another rule drops them. */
function plain({ value, other, out, own }: Task, { builder, readOnce }: RuleContext): Way {
  const { labels } = thin(value, builder);
  const droppable = new Set([...other.labels, ...out]);
  const worked = value.labels.filter((label) => labels.includes(label) || !droppable.has(label));
  return {
    work: workOf([value, other], [...worked, ...other.labels]) + (own ? workFor(value.node, readOnce) : 0),
    make: () => multiplied(builder, [value, other], out),
  };
}

/** (u ± v) w = u w ± v w */
function bySum(task: Task, node: BinaryNode, context: RuleContext): Way {
  const { labels } = task.value;
  const [left, right] = [node.a, node.b].map((part) => {
    const own = task.own && context.readOnce(part);
    return bestWay({ ...task, value: { node: part, labels }, own, depth: task.depth + 1 }, context);
  }) as [Way, Way];
  return {
    work: left.work + right.work,
    make: () => context.builder.binary(node.op, left.make(), right.make()),
  };
}

/** (p q) w = p (q w), summed over what p repeats along, then over the rest. */
function byProduct(task: Task, node: BinaryNode, context: RuleContext): Way[] {
  const { builder } = context;
  const { labels } = task.value;
  const factors = [node.a, node.b].map((factor) => thin({ node: factor, labels }, builder));
  return [factors, factors.toReversed()].flatMap((pair) => {
    const [p, q] = pair as [Labelled, Labelled];
    const covered = labels.every((label) => p.labels.includes(label) || q.labels.includes(label));
    if (p.labels.length === labels.length || !covered) return [];
    const wanted = new Set([...p.labels, ...task.out]);
    const out = [...new Set([...q.labels, ...task.other.labels])].filter((label) => wanted.has(label));
    const inner = bestWay({ ...task, value: q, out, own: false, depth: task.depth + 1 }, context);
    const sizes = sizesOf([task.value, task.other]);
    const both = p.node.level === "row" ? ROW_BY_ROW : 1;
    return {
      work: inner.work + both * pointsOf(sizes, [...p.labels, ...out]),
      make: () => multiplied(builder, [p, { node: inner.make(), labels: out }], task.out),
    };
  });
}

/** Σ x w = x Σ w along axes that x only repeats along. */
function byRepeat({ value, other, out }: Task, { builder }: RuleContext): Way[] {
  const x = thin(value, builder);
  const labels = other.labels.filter((label) => x.labels.includes(label) || out.includes(label));
  if (!value.labels.every((label) => x.labels.includes(label) || other.labels.includes(label))) return [];
  const lost = range(other.labels.length).filter((axis) => !labels.includes(at(other.labels, axis)));
  return [
    {
      work: pointsOf(sizesOf([value, other]), [...x.labels, ...labels]),
      make: () => multiplied(builder, [x, { node: builder.sum(other.node, lost), labels }], out),
    },
  ];
}

/** (x a) b = x (a b) for constants a and b. */
function byConstants({ value, other, out }: Task, node: ContractNode, { builder }: RuleContext): Way[] {
  if (!isKnown(other.node)) return [];
  const own = relabelled(node, value.labels, [...other.labels, ...out]);
  return [own, own.toReversed()].flatMap(([x, a]) => {
    if (x === undefined || a === undefined || !isKnown(a.node) || isSelection(a.node)) return [];
    const wanted = new Set([...x.labels, ...out]);
    const labels = [...new Set([...a.labels, ...other.labels])].filter((label) => wanted.has(label));
    const sizes = sizesOf([x, a, other]);
    if (pointsOf(sizes, [...a.labels, ...other.labels]) > MOST_SHARED) return [];
    return {
      work: pointsOf(sizes, [...x.labels, ...labels]),
      make: () => multiplied(builder, [x, { node: multiplied(builder, [a, other], labels), labels }], out),
    };
  });
}

/** The operands of a product that has `labels`, those it sums over named apart from `taken`. */
function relabelled(node: ContractNode, labels: readonly number[], taken: readonly number[]): Labelled[] {
  const free = 1 + Math.max(...labels, ...taken);
  const named = (label: number): number => {
    const axis = node.outLabels.indexOf(label);
    return axis < 0 ? free + label : at(labels, axis);
  };
  return operandsOf(node).map((operand) => ({ node: operand.node, labels: operand.labels.map(named) }));
}

/** Is a value as the caller gave it, without a rounding? */
function isGiven(node: Node): boolean {
  if (node.op === "broadcast" || node.op === "reshape" || node.op === "transpose" || node.op === "slice")
    return isGiven(node.a);
  return node.op === "input" || (node.op === "constant" && !isSelection(node));
}

/** Is a value made of constants, which no call changes? */
function isKnown(node: Node): boolean {
  if (node.op === "contract") return isKnown(node.a) && isKnown(node.b);
  if (node.op === "reshape" || node.op === "transpose" || node.op === "slice") return isKnown(node.a);
  return node.op === "constant";
}

/** Without the axes along which a value only repeats. */
function thin(value: Labelled, builder: Builder): Labelled {
  const number = uniformValue(value.node);
  return number === undefined ? thinned(value, builder) : { node: builder.constant(number, []), labels: [] };
}

function multiplied(builder: Builder, [a, b]: readonly [Labelled, Labelled], out: readonly number[]): Node {
  return builder.contract(a.node, b.node, { a: a.labels, b: b.labels, out });
}

/** Multiplications that making a value takes which nobody else reads. */
function workFor(node: Node, readOnce: RuleContext["readOnce"]): number {
  if (node.level !== "row" || !readOnce(node)) return 0;
  if (node.op === "add" || node.op === "sub") return workFor(node.a, readOnce) + workFor(node.b, readOnce);
  if (node.op !== "contract") return 0;
  const [a, b] = operandsOf(node);
  return workOf([a, b], [...a.labels, ...b.labels]);
}

/** Multiplications of a product over the labels. */
function workOf(operands: readonly [Labelled, Labelled], labels: readonly number[]): number {
  const rows = operands.filter(({ node }) => node.level === "row").length;
  return ([0, 1, ROW_BY_ROW][rows] as number) * pointsOf(sizesOf(operands), labels);
}

function sizesOf(values: readonly Labelled[]): Map<number, number> {
  return new Map(
    values.flatMap(({ node, labels }) => labels.map((label, axis) => [label, at(node.shape, axis)] as const)),
  );
}

function pointsOf(sizes: ReadonlyMap<number, number>, labels: readonly number[]): number {
  return [...new Set(labels)].reduce((points, label) => points * (sizes.get(label) as number), 1);
}
