/**
 * Sums of spread windows become products over windows: the transpose of a convolution is a convolution of padded cells.
 *
 *   out[p] = Σ_{q, m : p = start + s q + d m} cells[q] · weights[m]  =  Σ_m weights[m] · cells[(p − start − d m) / s]
 *
 * In: a contraction, or the slice of one that crops it. Out: one contraction for each remainder of p by the stride, over the
 * cells that reach such places: nothing is scattered. Like all movements it hides 0 · ∞.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { type Chain, chainOf, type Factor, type Spread, type Surroundings } from "./window-chains.ts";

/** What of a spread axis is wanted. */
interface Part {
  readonly start: number;
  readonly length: number;
}

/** The weights that reach the places of one remainder, last first: so they meet growing counts. */
interface Phase {
  readonly last: number;
  readonly step: number;
  readonly count: number;
  /** The count that the last weight meets at the first place, and how much further each next one is. */
  readonly low: number;
  readonly dilation: number;
}

/** One axis of the result: places in rounds of one of each phase. */
interface Line {
  readonly spread: Spread;
  readonly part: Part;
  readonly rounds: number;
  readonly phases: readonly Phase[];
  /** Zeros before the cells. */
  readonly before: number;
}

/** The node as contractions over windows; undefined if it is no spread contraction. `image` gives new nodes for old. */
export function gatheredWindows(
  b: Builder,
  node: Node,
  around: Surroundings & { image: (node: Node) => Node },
): Node | undefined {
  const spread = node.op === "slice" && around.users.get(node.a) === 1 ? node.a : node;
  if (spread.op !== "contract" || spread.level !== "row") return undefined;
  if (node.op === "slice" && node.steps.some((step) => step !== 1)) return undefined;
  const chain = chainOf(spread, around);
  if (chain === undefined) return undefined;
  const crop = node.op === "slice" ? node.starts : node.shape.map(() => 0);
  const lines = chain.spreads.map((own) => {
    const axis = chain.out.indexOf(own.place);
    return lineOf(chain, own, { start: at(crop, axis), length: at(node.shape, axis) });
  });
  const image = ({ node: own, labels }: Factor): Factor => ({ node: around.image(own), labels });
  const { out } = chain;
  const cells = padded({ b, out }, image(chain.cells), lines);
  const work = { b, lines, out, weights: image(chain.weights), cells };
  const whole = assembled(work, []);
  if (node.op !== "slice") return whole;
  const starts = crop.map((start, axis) => (chain.spreads.some(({ place }) => place === axis) ? 0 : start));
  return b.slice(whole, { starts, steps: node.steps, shape: node.shape });
}

function lineOf({ weights }: Chain, spread: Spread, part: Part): Line {
  const { stride, dilation } = spread;
  const own = range(at(weights.node.shape, weights.labels.indexOf(spread.cell)));
  const shift = part.start - spread.start;
  const phases = range(Math.min(stride, part.length)).map((place): Phase => {
    const taps = own.filter((cell) => (place + shift - dilation * cell) % stride === 0);
    const [first = 0, second = first + 1, last = first] = [taps[0], taps[1], taps.at(-1)];
    const step = taps.length > 1 ? second - first : 1;
    const low = (place + shift - dilation * last) / stride;
    const apart = taps.length > 1 ? (dilation * step) / stride : 1;
    return { last, step, count: taps.length, low, dilation: apart };
  });
  const rounds = Math.ceil(part.length / stride);
  const lows = phases.filter(({ count }) => count > 0).map(({ low }) => low);
  return { spread, part, rounds, phases, before: Math.max(0, ...lows.map((low) => -low)) };
}

/**
 * The cells with the digits of each spread axis joined and zeros around: all that windows will touch. What contractions sum
 * comes last: so a window is a few runs of neighbours in memory, which prefetchers follow.
 */
function padded(
  { b, out }: Pick<Work, "b" | "out">,
  { node, labels }: Factor,
  lines: readonly Line[],
): Padded {
  const moved = lines.flatMap(({ spread }) => spread.counts);
  const rest = labels.filter((label) => !moved.includes(label));
  const [outer, inner] = [rest.filter((own) => out.includes(own)), rest.filter((own) => !out.includes(own))];
  const sizes = (own: readonly number[]): number[] =>
    own.map((label) => at(node.shape, labels.indexOf(label)));
  const order = [...outer, ...moved, ...inner].map((label) => labels.indexOf(label));
  const counts = lines.map(({ spread }) => sizeOf(sizes(spread.counts)));
  const joined = b.reshape(b.transpose(node, order), [...sizes(outer), ...counts, ...sizes(inner)]);
  // Phases that nothing falls on have no places: theirs would not be whole.
  const ends = lines.map(({ phases, rounds, before }, index) => {
    const touched = phases.filter(({ count }) => count > 0);
    return Math.max(before + at(counts, index), ...touched.map((phase) => before + endOf(phase, rounds)));
  });
  const zeros = (own: readonly number[]): number[] => own.map(() => 0);
  const starts = [...zeros(outer), ...lines.map(({ before }) => before), ...zeros(inner)];
  const shape = [...sizes(outer), ...ends, ...sizes(inner)];
  return { node: b.pad(joined, { starts, steps: shape.map(() => 1), shape }), outer, inner };
}

/** The first count after those a phase touches. */
const endOf = ({ low, count, dilation }: Phase, rounds: number): number =>
  low + rounds + Math.max(0, count - 1) * dilation;

interface Work {
  readonly b: Builder;
  readonly lines: readonly Line[];
  readonly out: readonly number[];
  readonly weights: Factor;
  readonly cells: Padded;
}

/** Cells whose axes are outer ones, one for each line, inner ones. */
interface Padded {
  readonly node: Node;
  readonly outer: readonly number[];
  readonly inner: readonly number[];
}

/** The places of all phases of the lines that are left, those of the others chosen. */
function assembled(work: Work, chosen: readonly Phase[]): Node {
  const { b, lines, out } = work;
  const line = lines[chosen.length];
  if (line === undefined) return phaseOf(work, chosen);
  const parts = line.phases.map((phase) => assembled(work, [...chosen, phase]));
  const first = at(parts, 0);
  if (parts.length === 1) return first;
  const axis = out.indexOf(line.spread.place);
  const [outer, inner] = [first.shape.slice(0, axis), first.shape.slice(axis + 1)];
  const single = parts.map((part) => b.reshape(part, [...outer, line.rounds, 1, ...inner]));
  const places = b.reshape(b.concat(single, axis + 1), [...outer, line.rounds * parts.length, ...inner]);
  return b.part(places, { axis, start: 0, count: line.part.length });
}

/** One contraction over windows of the cells. */
function phaseOf({ b, lines, out, weights, cells }: Work, phases: readonly Phase[]): Node {
  if (phases.some(({ count }) => count === 0)) return nothing(b, { lines, out, weights, cells });
  const rank = cells.outer.length;
  let windows = cells.node;
  let kernel = weights.node;
  for (const [index, { rounds, before, spread }] of [...lines.entries()].reverse()) {
    const phase = at(phases, index);
    const [axis, own] = [rank + index, weights.labels.indexOf(spread.cell)];
    const { low, last, step, count, dilation } = phase;
    windows = b.part(windows, { axis, start: before + low, count: endOf(phase, rounds) - low });
    windows = b.window(windows, { axis, size: count, stride: 1, dilation });
    kernel = b.part(kernel, { axis: own, start: last, step: -step, count });
  }
  const spreads = lines.flatMap(({ spread }) => [spread.place, spread.cell]);
  const labels = [...cells.outer, ...spreads, ...cells.inner];
  return b.contract(windows, kernel, { a: labels, b: [...weights.labels], out: [...out] });
}

/** Zeros: no weight reaches such places. */
function nothing(b: Builder, { lines, out, weights, cells }: Omit<Work, "b">): Node {
  const shape = out.map((label) => {
    const line = lines.find(({ spread }) => spread.place === label);
    if (line !== undefined) return line.rounds;
    const own = cells.outer.indexOf(label);
    return own < 0 ? at(weights.node.shape, weights.labels.indexOf(label)) : at(cells.node.shape, own);
  });
  return b.broadcast(b.constant(0), shape);
}
