/**
 * Sums of products of several values, multiplied in the cheapest order: tr(A W B) as Σ A · (W B), whichever is less work.
 *
 * In: a sum over axes of a contraction. Out: an equal value of contractions of two, or nothing. Taken apart are products and
 * contractions that nothing else reads. This is what makes a Laplacian cheaper than its Hessian: Σ_u λ_u φ″_u |J_u|².
 */

import type { Builder } from "../ir/builder.ts";
import { at, range } from "../ir/shape.ts";
import type { ContractNode, Node } from "../ir/types.ts";
import { type Labelled, thinned } from "./contract.ts";
import type { RuleContext } from "./rewrite.ts";

/** More factors have too many orders to try. */
const MOST_FACTORS = 9;
/** A product of two row values takes the time of so many with weights. */
const ROW_BY_ROW = 2;
/** What products of weights count, which are made once for all rows. */
const ONCE = 1e-3;

/** Factors of one sum of products, and the work of making it as it is. */
interface Chain {
  readonly factors: Labelled[];
  readonly sizes: Map<number, number>;
  work: number;
}

/** A product of some factors, made when it is wanted; `node` is a factor that has its level. */
interface Way extends Labelled {
  readonly work: number;
  readonly make: () => Node;
}

/** Σ over axes of a contraction, in a cheaper order. */
export function sumOfChain(
  node: ContractNode,
  axes: readonly number[],
  context: RuleContext,
): Node | undefined {
  // Both factors run along what is summed, as those of a trace do.
  const summed = axes.map((axis) => node.outLabels[axis] as number);
  const isTrace = summed.every((label) => node.aLabels.includes(label) && node.bLabels.includes(label));
  if (!isTrace || node.level !== "row" || node.shape.includes(0)) return undefined;
  const chain: Chain = { factors: [], sizes: new Map(), work: 0 };
  const labels = range(node.shape.length);
  addContraction(chain, { node, labels }, context);
  const out = labels.filter((label) => !axes.includes(label));
  const { factors } = chain;
  const read = new Set(factors.flatMap((factor) => factor.labels));
  // An axis along which every factor repeats would have to be counted.
  const covered = [...chain.sizes.keys()].every((label) => read.has(label));
  if (!covered || factors.length < 3 || factors.length > MOST_FACTORS) return undefined;
  const best = cheapest(chain, out, context.builder);
  return best.work < chain.work ? best.make() : undefined;
}

/** Takes a product's operands, relabelled: labels that it sums over get names of their own. */
function addContraction(
  chain: Chain,
  { node, labels }: Labelled & { node: ContractNode },
  context: RuleContext,
): void {
  const names = new Map(node.outLabels.map((label, axis) => [label, at(labels, axis)]));
  const named = (label: number): number => {
    const name = names.get(label) ?? -1 - chain.sizes.size;
    names.set(label, name);
    return name;
  };
  const sides = [
    { node: node.a, own: node.aLabels },
    { node: node.b, own: node.bLabels },
  ].map((side) => {
    const known = side.own.map((label, axis) => {
      const name = named(label);
      chain.sizes.set(name, at(side.node.shape, axis));
      return name;
    });
    return { node: side.node, labels: known };
  });
  chain.work += workOf(chain, sides);
  for (const side of sides) addFactors(chain, side, context);
}

/** `shared`: not the chain alone reads the value. */
function addFactors(chain: Chain, value: Labelled & { shared?: boolean }, context: RuleContext): void {
  const { node, labels } = thinned(value, context.builder);
  const isOwn =
    value.shared !== true && node.level === "row" && context.readOnce(value.node) && context.readOnce(node);
  if (node.op === "transpose") {
    const inner = node.order.map((_, axis) => at(labels, node.order.indexOf(axis)));
    addFactors(chain, { node: node.a, labels: inner, shared: !isOwn }, context);
  } else if (node.op === "mul" && isOwn) {
    const sides = [node.a, node.b].map((side) => ({ node: side, labels }));
    chain.work += workOf(chain, sides);
    for (const side of sides) addFactors(chain, side, context);
  } else if (node.op === "contract" && isOwn) addContraction(chain, { node, labels }, context);
  else chain.factors.push({ node, labels });
}

/** Multiplications of a product over all labels of both; what is bound is multiplied once for all rows. */
function workOf({ sizes }: Pick<Chain, "sizes">, operands: readonly Labelled[]): number {
  const labels = new Set(operands.flatMap((operand) => operand.labels));
  const points = [...labels].reduce((product, label) => product * (sizes.get(label) as number), 1);
  const rows = operands.filter(({ node }) => node.level === "row").length;
  return points * at([ONCE, 1, ROW_BY_ROW], rows);
}

/** The least work over all orders of multiplying pairs, by subsets of the factors. */
function cheapest({ factors, sizes }: Chain, out: readonly number[], builder: Builder): Way {
  const all = 2 ** factors.length - 1;
  const best = new Map<number, Way>();
  factors.forEach((factor, index) => best.set(2 ** index, { ...factor, work: 0, make: () => factor.node }));
  const labelsOf = (set: number): readonly number[] => {
    if (set === all) return out;
    const isIn = (index: number): boolean => (set & (2 ** index)) !== 0;
    const outside = factors.flatMap(({ labels }, index) => (isIn(index) ? [] : labels));
    const inside = factors.flatMap(({ labels }, index) => (isIn(index) ? labels : []));
    return [...new Set(inside)].filter((label) => out.includes(label) || outside.includes(label));
  };
  for (let set = 1; set <= all; set++) {
    if (best.has(set)) continue;
    const labels = labelsOf(set);
    for (let part = (set - 1) & set; part > 0; part = (part - 1) & set) {
      if (part < set - part) continue;
      const way = product(best.get(part) as Way, best.get(set - part) as Way, { sizes, labels, builder });
      if (way.work < (best.get(set)?.work ?? Number.POSITIVE_INFINITY)) best.set(set, way);
    }
  }
  return best.get(all) as Way;
}

function product(
  a: Way,
  b: Way,
  { sizes, labels, builder }: Pick<Chain, "sizes"> & { labels: readonly number[]; builder: Builder },
): Way {
  return {
    work: a.work + b.work + workOf({ sizes }, [a, b]),
    labels,
    node: a.node.level === "row" ? a.node : b.node,
    make: () => builder.contract(a.make(), b.make(), { a: a.labels, b: b.labels, out: labels }),
  };
}
