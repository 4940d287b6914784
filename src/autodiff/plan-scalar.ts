/**
 * Orders for graphs of scalars: the linearised formula as a scalar problem, greedy orders, then a seeded search.
 */

import { sizeOf } from "../ir/shape.ts";
import type { LinearGraph, Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearized.ts";
import { classicOrders, type NamedOrder } from "./order.ts";
import {
  costOfOrder,
  KIND,
  MULTIPLICATION,
  type Prices,
  realPrices,
  type ScalarEdge,
  ScalarGraph,
  type ScalarProblem,
} from "./scalar-graph.ts";
import { type SearchResult, searchOrder } from "./search.ts";
import { cheapestSparse } from "./sparse-order.ts";

/** How hard to look for a better plan; counted in steps, so plans are the same on every machine. */
export type Effort = "quick" | "default" | "thorough";

/** An elimination order and where it comes from. */
export interface Candidate {
  readonly name: string;
  readonly order: readonly Vertex[];
  /** Values at which Jacobians of both sides are multiplied. */
  readonly cuts?: readonly Vertex[];
  /** How the parts between cuts are accumulated and put together, in order. */
  readonly parts?: readonly Part[];
}

/** One step of a plan with cuts; absent ends are all sources and all sinks. */
export interface Part {
  /** `push` takes what leads to `middle` forward through the rest, `pull` what leads out of it backwards. */
  readonly how: "forward" | "reverse" | "product" | "push" | "pull";
  readonly from?: Vertex;
  readonly middle?: Vertex;
  readonly to?: Vertex;
}

/** Candidates, and what finding them took. */
export interface Candidates {
  readonly candidates: readonly Candidate[];
  readonly steps: number;
  /** Did the wall clock stop a search? Only then may plans differ between machines. */
  readonly stopped: boolean;
}

interface SearchRun {
  readonly steps: number;
  readonly hot: number;
}

const DEFAULT_STEPS = 800_000;
/** Temperatures in multiplications; the last ends cold in every run. */
const RUNS: Readonly<Record<Effort, readonly SearchRun[]>> = {
  quick: [],
  default: [
    { steps: DEFAULT_STEPS, hot: 2 },
    { steps: DEFAULT_STEPS, hot: 1 },
  ],
  thorough: [1, 2, 2, 3, 3, 4].map((hot) => ({ steps: 8_000_000, hot })),
};
const COLD = 0.2;
/** By default small problems get fewer steps: this many per pair of vertices. */
const STEPS_PER_PAIR = 150;
/** The matrix of edges takes this many vertices squared. */
const MOST_VERTICES = 1500;

/** The linearised values as a scalar problem, with the vertex of each of its numbers; undefined if they are tensors. */
export function scalarProblem(
  linear: Linearized,
): { problem: ScalarProblem; vertices: readonly Vertex[] } | undefined {
  const { graph, values } = linear;
  const vertices = Array.from({ length: graph.size }, (_, vertex) => vertex).filter(
    (vertex) => graph.successors(vertex).length + graph.predecessors(vertex).length > 0,
  );
  const isScalar = (vertex: Vertex): boolean => sizeOf(values.get(vertex)?.shape ?? []) === 1;
  if (!vertices.every(isScalar)) return undefined;
  const numbers = new Map(vertices.map((vertex, index) => [vertex, index]));
  const edges = vertices.flatMap((vertex) => edgesInto(graph, vertex, numbers));
  const inner = intermediates(linear).map((vertex) => numbers.get(vertex) as number);
  return { problem: { size: vertices.length, edges, inner }, vertices };
}

function edgesInto(graph: LinearGraph, to: Vertex, numbers: ReadonlyMap<Vertex, number>): ScalarEdge[] {
  return graph.predecessors(to).map((from) => ({
    from: numbers.get(from) as number,
    to: numbers.get(to) as number,
    kind: kindOf(graph.edge(from, to)),
  }));
}

function kindOf(map: LinearMap): number {
  const [term] = map;
  if (map.length !== 1 || term === undefined) return KIND.general;
  if (term.factor !== undefined && term.factor.node.level === "row") return KIND.general;
  return term.factor === undefined && Math.abs(term.scale) === 1 ? KIND.unit : KIND.constant;
}

/** Orders of a scalar problem, best greedy first, then what the search finds from it. */
export interface FoundOrders {
  readonly orders: readonly NamedOrder[];
  readonly steps: number;
  readonly stopped: boolean;
}

/** The best greedy order and, with effort, the best orders a search finds from it. */
export function searchedOrders(whole: ScalarProblem, prices: Prices, effort: Effort): FoundOrders {
  const { problem, first } = prices === realPrices ? withoutFree(whole) : { problem: whole, first: [] };
  const greedy = classicOrders(problem, prices)
    .map((named) => ({ ...named, cost: costOfOrder(problem, named.order, prices) }))
    .reduce((best, each) => (each.cost < best.cost ? each : best));
  const results: SearchResult[] = [];
  for (const [seed, { steps, hot }] of RUNS[effort].entries()) {
    const result = searchOrder(problem, greedy.order, {
      steps: effort === "thorough" ? steps : Math.min(steps, STEPS_PER_PAIR * problem.inner.length ** 2),
      seed,
      prices,
      temperatures: [hot * MULTIPLICATION, COLD * MULTIPLICATION],
    });
    results.push(result);
    // Where nothing better than the greedy order is near, looking again seldom helps.
    if (result.cost >= greedy.cost && effort !== "thorough") break;
  }
  const found = results.map(({ order }) => ({ name: "local search", order }));
  return {
    orders: [greedy, ...found].map(({ name, order }) => ({ name, order: [...first, ...order] })),
    steps: results.reduce((sum, { steps }) => sum + steps, 0),
    stopped: results.some(({ stopped }) => stopped),
  };
}

/** Candidates for a linearised formula; none if it is not made of scalars, or of too many. */
export function scalarCandidates(linear: Linearized, effort: Effort): Candidates {
  const found = scalarProblem(linear);
  if (found === undefined || found.vertices.length > MOST_VERTICES)
    return { candidates: [], steps: 0, stopped: false };
  const { problem, vertices } = found;
  const { orders, steps, stopped } = searchedOrders(problem, realPrices, effort);
  const candidates = orders.map(({ name, order }) => ({
    name,
    order: order.map((number) => vertices[number] as Vertex),
  }));
  return { candidates, steps, stopped };
}

/** For a formula of any size: the cheapest of the plain modes asked for and of greedy orders; undefined if it is not made of scalars. */
export function cheapestScalar(
  linear: Linearized,
  modes: { readonly asked: readonly Candidate[]; readonly greedy: boolean },
): Candidate | undefined {
  const found = scalarProblem(linear);
  if (found === undefined) return undefined;
  const { problem, vertices } = found;
  const numbers = new Map(vertices.map((vertex, index) => [vertex, index]));
  const named = modes.asked.map(({ name, order }) => ({
    name,
    order: order.map((vertex) => numbers.get(vertex) as number),
  }));
  const { name, order } = cheapestSparse(problem, realPrices, { named, greedy: modes.greedy });
  return { name, order: order.map((number) => vertices[number] as Vertex) };
}

/** The problem after vertices whose elimination can only help: those with ±1 as their only edge in, or out. */
function withoutFree(problem: ScalarProblem): { problem: ScalarProblem; first: readonly number[] } {
  const graph = new ScalarGraph(problem, realPrices);
  const first: number[] = [];
  const left = new Set(problem.inner);
  for (let found = true; found; ) {
    found = false;
    for (const v of left) {
      if (!graph.hasLoneUnit(v)) continue;
      graph.eliminate(v);
      left.delete(v);
      first.push(v);
      found = true;
    }
  }
  return { problem: { size: problem.size, edges: graph.edges(), inner: [...left] }, first };
}
