/**
 * Orders that cut the graph where it is narrow: dynamic programming over passages, the values that every path from source to
 * sink goes through.
 *
 * Between two passages a Jacobian is accumulated in forward or reverse mode, or from two parts that meet at a passage between
 * them: multiplied together, or one pushed (pulled) through the other. The cheapest by estimated multiplications wins.
 */

import { at, range, sizeOf } from "../ir/shape.ts";
import type { Vertex } from "./linear-graph.ts";
import { intermediates, type Linearized } from "./linearized.ts";
import type { Candidate, Part } from "./plan-scalar.ts";
import { shadowCost } from "./plan-shadow.ts";

/** Work of the dynamic programme: passages² · vertices. */
const MOST_WORK = 40_000;
const MOST_PASSAGES = 8;

/** The best order with cuts at narrow passages; none where there is no bottleneck. */
export function cutCandidates(linear: Linearized): Candidate[] {
  const vertices = intermediates(linear);
  const points = bottlenecks(linear, vertices);
  if (points.length === 0) return [];
  const { order, cuts, parts } = new Segments(linear, vertices, points).best(0, points.length + 1);
  return [{ name: cuts.length === 0 ? "segments" : "cuts", order, cuts, parts }];
}

/** Passages narrower than what lies before and after them, the narrowest first, as many as are affordable; ascending. */
function bottlenecks(linear: Linearized, vertices: readonly Vertex[]): Vertex[] {
  const size = (vertex: Vertex): number => sizeOf(linear.values.get(vertex)?.shape ?? []);
  const total = (ends: readonly Vertex[]): number => ends.reduce((sum, end) => sum + size(end), 0);
  const all = passages(linear, vertices);
  const narrow = minima([total(linear.sources), ...all.map(size), total(linear.sinks)]);
  const affordable = Math.floor(Math.sqrt(MOST_WORK / Math.max(1, vertices.length)));
  return narrow
    .map((index) => at(all, index - 1))
    .sort((x, y) => size(x) - size(y) || x - y)
    .slice(0, Math.min(MOST_PASSAGES, affordable))
    .sort((x, y) => x - y);
}

/** Where a list has local minima inside; of equal neighbours the one that leaves the others to the smaller side. */
function minima(sizes: readonly number[]): number[] {
  const found: number[] = [];
  let start = 0;
  for (let end = 1; end < sizes.length; end++) {
    const own = sizes[start] as number;
    if (sizes[end] === own) continue;
    const [before, after] = [sizes[start - 1] ?? 0, at(sizes, end)];
    if (own < before && own < after) found.push(after <= before ? start : end - 1);
    start = end;
  }
  return found;
}

/** Vertices that lie on every path from sources to sinks: no edge jumps over them. */
export function passages({ graph }: Linearized, vertices: readonly Vertex[]): Vertex[] {
  const bridged: Vertex[] = [];
  let reach = -1;
  for (let vertex = 0; vertex < graph.size; vertex++) {
    bridged.push(reach);
    for (const next of graph.successors(vertex)) reach = Math.max(reach, next);
  }
  return vertices.filter((vertex) => at(bridged, vertex) <= vertex);
}

interface Segment {
  readonly order: readonly Vertex[];
  readonly cuts: readonly Vertex[];
  readonly parts: readonly Part[];
  readonly cost: number;
}

/** Segments between points; point 0 is all sources, the last all sinks, the others are passages. */
class Segments {
  readonly #linear: Linearized;
  readonly #vertices: readonly Vertex[];
  readonly #points: readonly Vertex[];
  readonly #known = new Map<string, Segment>();

  constructor(linear: Linearized, vertices: readonly Vertex[], points: readonly Vertex[]) {
    this.#linear = linear;
    this.#vertices = vertices;
    this.#points = [-1, ...points, Number.POSITIVE_INFINITY];
  }

  best(from: number, to: number): Segment {
    const key = `${from} ${to}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const inside = this.#between(from, to);
    const options = [
      this.#priced({ order: inside, cuts: [], parts: [this.#part("forward", from, to)] }),
      this.#priced({ order: [...inside].reverse(), cuts: [], parts: [this.#part("reverse", from, to)] }),
      ...range(to - from - 1).flatMap((step) => this.#through(from, from + step + 1, to)),
    ];
    const best = options.reduce((x, y) => (y.cost < x.cost ? y : x));
    this.#known.set(key, best);
    return best;
  }

  /** What meets at point `middle`. */
  #through(from: number, middle: number, to: number): Segment[] {
    const point = at(this.#points, middle);
    const [first, second] = [this.best(from, middle), this.best(middle, to)];
    const cuts = [...first.cuts, point, ...second.cuts];
    const pulled = [...this.#between(from, middle)].reverse();
    const whole = (how: Part["how"]): Part => ({ ...this.#part(how, from, to), middle: point });
    const [product, push, pull] = [whole("product"), whole("push"), whole("pull")];
    return [
      {
        order: [...first.order, ...second.order, point],
        cuts,
        parts: [...first.parts, ...second.parts, product],
      },
      {
        order: [...first.order, point, ...this.#between(middle, to)],
        cuts: first.cuts,
        parts: [...first.parts, push],
      },
      { order: [...second.order, point, ...pulled], cuts: second.cuts, parts: [...second.parts, pull] },
    ].map((option) => this.#priced(option));
  }

  #part(how: Part["how"], from: number, to: number): Part {
    const [start, end] = [at(this.#points, from), at(this.#points, to)];
    return { how, ...(start >= 0 && { from: start }), ...(Number.isFinite(end) && { to: end }) };
  }

  #between(from: number, to: number): Vertex[] {
    const [low, high] = [at(this.#points, from), at(this.#points, to)];
    return this.#vertices.filter((vertex) => vertex > low && vertex < high);
  }

  #priced(option: Omit<Segment, "cost">): Segment {
    return { ...option, cost: shadowCost(this.#linear, option.order) };
  }
}
