/**
 * A seeded local search over elimination orders: simulated annealing that moves one vertex at a time.
 *
 * What a vertex costs depends only on which vertices went before it, so moving one from place p to place q changes the costs of
 * places p … q alone. The search sweeps along the order with everything before p eliminated, and replays only such windows.
 * Its length is counted in products of edges, and its arithmetic is exact, so equal inputs give equal orders everywhere.
 */

import { at } from "../ir/shape.ts";
import { type Prices, ScalarGraph, type ScalarProblem } from "./scalar-graph.ts";

/** How long to search, and from where. */
export interface SearchOptions {
  /** Products of edges to look at; see `ScalarGraph.work`. */
  readonly steps: number;
  readonly seed: number;
  readonly prices: Prices;
  /** In prices: about how much worse a move may be, at first and at last. */
  readonly temperatures: readonly [number, number];
}

/** The best order met, its cost, the steps taken, and whether the wall clock stopped it. */
export interface SearchResult {
  readonly order: readonly number[];
  readonly cost: number;
  readonly steps: number;
  readonly stopped: boolean;
}

/** Stops a runaway only: plans depend on steps, never on time. */
const CEILING_MILLISECONDS = 20_000;

const MOVES_PER_PLACE = 12;

/** See the file's header. */
export function searchOrder(
  problem: ScalarProblem,
  start: readonly number[],
  options: SearchOptions,
): SearchResult {
  const walk = new Walk(problem, start, options);
  const end = Date.now() + CEILING_MILLISECONDS;
  let stopped = false;
  while (start.length > 1 && walk.steps < options.steps && !stopped) {
    walk.sweep();
    stopped = Date.now() > end;
  }
  return { order: walk.best, cost: walk.bestCost, steps: walk.steps, stopped };
}

/** Pseudo-random integers (xorshift32), and exponentially distributed numbers from exact arithmetic. */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }

  below(limit: number): number {
    return (this.#next() >>> 8) % limit;
  }

  /** −ln u for u uniform in (0, 1], piecewise linear: the same bits on every machine, unlike Math.log. */
  exponential(): number {
    const bits = this.#next() >>> 0;
    const zeros = Math.clz32(bits | 1);
    const mantissa = ((bits << zeros) >>> 0) / 2 ** 31;
    return (zeros + 2 - mantissa) * Math.LN2;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
}

class Walk {
  best: number[];
  bestCost: number;
  readonly #graph: ScalarGraph;
  readonly #order: number[];
  readonly #costs: number[];
  readonly #options: SearchOptions;
  readonly #chance: Chance;
  #cost: number;
  /** Costs of the window replayed last. */
  readonly #trial: number[] = [];

  constructor(problem: ScalarProblem, start: readonly number[], options: SearchOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#graph = new ScalarGraph(problem, options.prices);
    this.#order = [...start];
    const mark = this.#graph.mark;
    this.#costs = this.#order.map((v) => this.#graph.eliminate(v));
    this.#graph.undo(mark);
    this.#cost = this.#costs.reduce((sum, cost) => sum + cost, 0);
    this.best = [...start];
    this.bestCost = this.#cost;
  }

  get steps(): number {
    return this.#graph.work;
  }

  /** Once along the order, moves tried at every place. */
  sweep(): void {
    const start = this.#graph.mark;
    const { steps } = this.#options;
    for (let place = 0; place < this.#order.length - 1 && this.steps < steps; place++) {
      for (let move = 0; move < MOVES_PER_PLACE; move++) this.#tryMove(place);
      this.#graph.eliminate(at(this.#order, place));
    }
    this.#graph.undo(start);
  }

  #temperature(): number {
    const [hot, cold] = this.#options.temperatures;
    const part = Math.min(1, this.steps / this.#options.steps);
    return cold + (hot - cold) * (1 - part) * (1 - part);
  }

  #tryMove(place: number): void {
    const room = this.#order.length - 1 - place;
    const reach = 1 + this.#chance.below(this.#chance.below(room) + 1);
    const forwards = this.#chance.below(2) === 0;
    const end = place + reach;
    let before = 0;
    for (let index = place; index <= end; index++) before += this.#costs[index] as number;
    const limit = before + this.#temperature() * this.#chance.exponential();
    const after = this.#replay({ place, end, forwards, limit });
    if (after <= limit) this.#accept({ place, end, forwards }, after - before);
  }

  /** The window's cost after the move; stops once it exceeds the limit. */
  #replay({ place, end, forwards, limit }: Window & { limit: number }): number {
    const graph = this.#graph;
    const mark = graph.mark;
    let cost = 0;
    for (let index = place; index <= end && cost <= limit; index++) {
      const own = graph.eliminate(at(this.#order, moved(index, { place, end, forwards })));
      this.#trial[index - place] = own;
      cost += own;
    }
    graph.undo(mark);
    return cost;
  }

  #accept({ place, end, forwards }: Window, change: number): void {
    const [from, to] = forwards ? [place, end] : [end, place];
    const [vertex] = this.#order.splice(from, 1);
    this.#order.splice(to, 0, vertex as number);
    for (let index = place; index <= end; index++) this.#costs[index] = at(this.#trial, index - place);
    this.#cost += change;
    if (this.#cost >= this.bestCost) return;
    this.bestCost = this.#cost;
    this.best = [...this.#order];
  }
}

interface Window {
  readonly place: number;
  readonly end: number;
  /** The first vertex goes to the end, or the last to the start. */
  readonly forwards: boolean;
}

/** Which place of the old order stands at `index` of the new one. */
function moved(index: number, { place, end, forwards }: Window): number {
  if (forwards) return index === end ? place : index + 1;
  return index === place ? end : index - 1;
}
