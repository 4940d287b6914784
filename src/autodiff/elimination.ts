/**
 * Multiplications of elimination orders by both rules of counting, for reports and benchmarks.
 *
 * Real cost: of the simplified graph that plans work on, products by ±1 free. Paper's rule: of a graph as written, every edge
 * a general number. Neither counts partial derivatives or additions.
 */

import { Builder } from "../ir/builder.ts";
import { inline, rebuild } from "../ir/graph.ts";
import type { InputNode, Program } from "../ir/types.ts";
import { endsOf } from "./ends.ts";
import { linearizable, loopTools } from "./jacobian.ts";
import { classicOrders } from "./order.ts";
import { type Effort, scalarProblem, searchedOrders } from "./plan-scalar.ts";
import { costOfOrder, KIND, MULTIPLICATION, type Prices, type ScalarProblem } from "./scalar-graph.ts";

/** Multiplications by order. */
export interface OrderCosts {
  readonly forward: number;
  readonly reverse: number;
  readonly markowitz: number;
  /** The best of the greedy orders and the search. */
  readonly found: number;
}

/** What the classic orders and the search multiply in a scalar problem. */
export function orderCosts(problem: ScalarProblem, prices: Prices, effort: Effort): OrderCosts {
  const products: Prices = { ...prices, addition: 0 };
  const cost = ({ order }: { order: readonly number[] }): number =>
    costOfOrder(problem, order, products) / MULTIPLICATION;
  const classic = new Map(classicOrders(problem, products).map((named) => [named.name, cost(named)]));
  const { orders } = searchedOrders(problem, prices, effort);
  return {
    forward: classic.get("forward") as number,
    reverse: classic.get("reverse") as number,
    markowitz: classic.get("Markowitz") as number,
    found: Math.min(...orders.map(cost)),
  };
}

/** The scalar problem a formula's Jacobian is, after sharing and simplification; undefined for tensor programs. */
export function problemOf(program: Program): ScalarProblem | undefined {
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const outputs = inline(b, linearizable(program), inputs);
  const wrt = inputs.filter(({ level }) => level === "row");
  const ends = endsOf(b, { outputs, wrt }, { tools: loopTools, mode: "auto" });
  return scalarProblem(ends.linear)?.problem;
}

/** A problem from a graph as written: `reads[v]` are the vertices v reads, the first `inputs` of them none. */
export function writtenProblem(graph: {
  readonly inputs: number;
  readonly reads: readonly (readonly number[])[];
  readonly outputs: readonly number[];
}): ScalarProblem {
  const { inputs, reads, outputs } = graph;
  const ends = new Set(outputs);
  return {
    size: reads.length,
    edges: reads.flatMap((from, to) => from.map((each) => ({ from: each, to, kind: KIND.general }))),
    inner: reads.flatMap((_, v) => (v >= inputs && !ends.has(v) ? [v] : [])),
  };
}
