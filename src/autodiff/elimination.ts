/**
 * Multiplications of elimination orders by both rules of counting, for reports and benchmarks.
 *
 * Real cost: of the simplified graph that plans work on, products by ±1 free. Paper's rule: of a graph as written, every edge
 * a general number. Neither counts partial derivatives or additions.
 */

import { Builder } from "../ir/builder.ts";
import { inline, programOf, rebuild } from "../ir/graph.ts";
import type { InputNode, Node, Output, Program } from "../ir/types.ts";
import { type Ends, endsOf } from "./ends.ts";
import { linearizable, loopTools } from "./jacobian.ts";
import { classicOrders } from "./order.ts";
import { eliminated } from "./plan.ts";
import { type Effort, scalarProblem, searchedOrders } from "./plan-scalar.ts";
import {
  costOfOrder,
  KIND,
  MULTIPLICATION,
  type Prices,
  realPrices,
  type ScalarProblem,
} from "./scalar-graph.ts";

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

/** The value and Jacobian by Markowitz' rule alone, whatever it costs; undefined for tensor programs. */
export function markowitzProgram(program: Program): Program | undefined {
  const { b, inputs, ends } = opened(program);
  const found = scalarProblem(ends.linear);
  const order = found && classicOrders(found.problem, realPrices).find(({ name }) => name === "Markowitz");
  if (found === undefined || order === undefined) return undefined;
  const map = eliminated(b, ends.linear, {
    name: order.name,
    order: order.order.map((number) => found.vertices[number] as number),
  });
  const jacobians = program.outputs.map(({ name }, output): Output => {
    const pair = { output, input: 0 };
    return { name: `${name}/x`, value: ends.dense(b, ends.maps(map, pair), pair) };
  });
  const values = program.outputs.map(
    ({ name }, index): Output => ({ name, value: ends.values[index] as Node }),
  );
  return programOf(program.name, inputs, [...values, ...jacobians]);
}

/** The scalar problem a formula's Jacobian is, after sharing and simplification; undefined for tensor programs. */
export function problemOf(program: Program): ScalarProblem | undefined {
  return scalarProblem(opened(program, true).ends.linear)?.problem;
}

/** The program linearised by its first input. */
function opened(program: Program, wholeQuotients = false): { b: Builder; inputs: InputNode[]; ends: Ends } {
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const outputs = inline(b, linearizable(program), inputs);
  const ends = endsOf(
    b,
    { outputs, wrt: inputs.slice(0, 1) },
    { tools: loopTools, mode: "auto", wholeQuotients },
  );
  return { b, inputs, ends };
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
