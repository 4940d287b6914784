/**
 * Greedy elimination orders of a scalar graph: always the vertex that is cheapest by some measure, ties to the
 * first or to the last vertex.
 */

import { at } from "../ir/shape.ts";
import { type Prices, ScalarGraph, type ScalarProblem } from "./scalar-graph.ts";

/** An order and where it comes from. */
export interface NamedOrder {
  readonly name: string;
  readonly order: readonly number[];
}

/** How attractive a vertex is now: smaller goes first. */
type Measure = (graph: ScalarGraph, v: number) => number;

const price: Measure = (graph, v) => graph.price(v);

/** Markowitz degree: |predecessors| · |successors|, whatever the edges are. */
const degree: Measure = (graph, v) => {
  const [into, outOf] = graph.degrees(v);
  return into * outOf;
};

/** Price, less what the vertex itself costs its neighbours while it stands: the edges it takes away. */
const relative: Measure = (graph, v) => {
  const [into, outOf] = graph.degrees(v);
  return graph.price(v) - 8 * (into + outOf);
};

const MEASURES: readonly { readonly name: string; readonly measure: Measure; readonly last: boolean }[] = [
  { name: "Markowitz", measure: degree, last: false },
  { name: "reverse Markowitz", measure: degree, last: true },
  { name: "least price", measure: price, last: false },
  { name: "reverse least price", measure: price, last: true },
  { name: "relative price", measure: relative, last: true },
];

/** Forward, reverse and the greedy orders. */
export function classicOrders(problem: ScalarProblem, prices: Prices): NamedOrder[] {
  const { inner } = problem;
  const greedy = MEASURES.map(({ name, measure, last }) => ({
    name,
    order: greedyOrder(new ScalarGraph(problem, prices), inner, { measure, last }),
  }));
  return [{ name: "forward", order: inner }, { name: "reverse", order: [...inner].reverse() }, ...greedy];
}

function greedyOrder(
  graph: ScalarGraph,
  inner: readonly number[],
  by: { measure: Measure; last: boolean },
): number[] {
  const left = by.last ? [...inner].reverse() : [...inner];
  const values = new Float64Array(graph.size).fill(Number.POSITIVE_INFINITY);
  for (const v of left) values[v] = by.measure(graph, v);
  const order: number[] = [];
  while (left.length > 0) {
    const best = cheapest(left, values);
    const v = at(left, best);
    left.splice(best, 1);
    const touched = [...graph.neighbours(v, "into"), ...graph.neighbours(v, "outOf")];
    graph.eliminate(v);
    order.push(v);
    for (const other of touched) {
      if (values[other] !== Number.POSITIVE_INFINITY) values[other] = by.measure(graph, other);
    }
  }
  return order;
}

function cheapest(left: readonly number[], values: Float64Array): number {
  let best = 0;
  for (let index = 1; index < left.length; index++) {
    if ((values[left[index] as number] as number) < (values[left[best] as number] as number)) best = index;
  }
  return best;
}
