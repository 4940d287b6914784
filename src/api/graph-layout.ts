/**
 * Layered layout of a directed graph, from top to bottom (Sugiyama, Tagawa & Toda 1981).
 *
 * In: the sizes of boxes, edges between them (indices, no cycles, from smaller to larger). Out: the centre of every box and what
 * every edge goes through. Always: edges lead downwards, boxes of a layer keep their distance, and long edges pass between boxes.
 */

import { at, range } from "../ir/shape.ts";

/** An edge by the indices of its boxes. */
export interface Edge {
  readonly from: number;
  readonly to: number;
}

/** What a box takes. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A centre, and half the height of what stands there: a box, or the layer that an edge passes. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly half: number;
}

/** Where everything goes. */
export interface Layout extends Size {
  readonly boxes: readonly Point[];
  /** Per edge: where it starts, the gaps it passes, where it ends. */
  readonly routes: readonly (readonly Point[])[];
}

/** What is left free between layers and between neighbours. */
export interface Spacing {
  readonly layer: number;
  readonly gap: number;
}

const SWEEPS = 12;
/** Width of the place that a passing edge takes. */
const LANE = 10;

/** One place of a layer: a box, or an edge that passes. */
interface Slot {
  readonly layer: number;
  readonly width: number;
  /** None where an edge passes. */
  readonly height: number | undefined;
  readonly above: Slot[];
  readonly below: Slot[];
  order: number;
  x: number;
}

/** Places boxes of these sizes. */
export function layered(sizes: readonly Size[], edges: readonly Edge[], spacing: Spacing): Layout {
  const layers = layersOf(sizes.length, edges);
  const slots = sizes.map(({ width, height }, index) => slot(at(layers, index), width, height));
  const chains = edges.map((edge) => chainOf(slots, edge));
  const all = [...new Set([...slots, ...chains.flat()])];
  const rows = range(Math.max(0, ...layers) + 1).map((layer) => all.filter((one) => one.layer === layer));
  reorder(rows);
  place(rows, spacing.gap);
  const left = Math.min(...all.map(({ x, width }) => x - width / 2));
  const right = Math.max(...all.map(({ x, width }) => x + width / 2));
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height ?? 0)));
  const tops = heights.map((_, layer) =>
    heights.slice(0, layer).reduce((sum, height) => sum + height + spacing.layer, 0),
  );
  const point = ({ x, layer, height }: Slot): Point => {
    const whole = at(heights, layer);
    return { x: x - left, y: at(tops, layer) + whole / 2, half: (height ?? whole) / 2 };
  };
  return {
    boxes: slots.map(point),
    routes: chains.map((chain) => chain.map(point)),
    width: right - left,
    height: (tops.at(-1) ?? 0) + (heights.at(-1) ?? 0),
  };
}

function slot(layer: number, width: number, height?: number): Slot {
  return { layer, width, height, above: [], below: [], order: 0, x: 0 };
}

/** Longest paths from the top; then what nothing pulls up is moved down to its readers. */
function layersOf(count: number, edges: readonly Edge[]): number[] {
  const layers = new Array<number>(count).fill(0);
  const sorted = [...edges].sort((a, b) => a.from - b.from);
  for (const { from, to } of sorted) layers[to] = Math.max(at(layers, to), at(layers, from) + 1);
  const hasParent = new Set(edges.map(({ to }) => to));
  for (const box of range(count)) {
    const below = edges.filter(({ from }) => from === box).map(({ to }) => at(layers, to));
    if (!hasParent.has(box) && below.length > 0) layers[box] = Math.min(...below) - 1;
  }
  return layers;
}

/** The slots an edge goes through, passing ones made anew. */
function chainOf(slots: readonly Slot[], { from, to }: Edge): Slot[] {
  const [start, end] = [at(slots, from), at(slots, to)];
  const passing = range(end.layer - start.layer - 1).map((step) => slot(start.layer + step + 1, LANE));
  const chain = [start, ...passing, end];
  chain.slice(1).forEach((lower, index) => {
    const upper = at(chain, index);
    upper.below.push(lower);
    lower.above.push(upper);
  });
  return chain;
}

/** Each slot near the mean of its neighbours, downwards and upwards in turn. */
function reorder(rows: Slot[][]): void {
  for (const row of rows) number(row);
  for (const sweep of range(SWEEPS)) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const wish = new Map(row.map((one) => [one, mean(down ? one.above : one.below, "order") ?? one.order]));
      row.sort((a, b) => (wish.get(a) as number) - (wish.get(b) as number));
      number(row);
    }
  }
}

function number(row: readonly Slot[]): void {
  row.forEach((one, index) => {
    one.order = index;
  });
}

function mean(slots: readonly Slot[], key: "order" | "x"): number | undefined {
  return slots.length === 0 ? undefined : slots.reduce((sum, one) => sum + one[key], 0) / slots.length;
}

/** Horizontal places: as near to the neighbours' mean as the distances allow. */
function place(rows: readonly Slot[][], gap: number): void {
  for (const row of rows)
    spread(
      row,
      row.map(() => 0),
      gap,
    );
  for (const sweep of range(SWEEPS)) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const wishes = row.map((one) => mean(down ? one.above : one.below, "x") ?? one.x);
      spread(row, wishes, gap);
    }
  }
}

/** The nearest places to the wishes that keep order and distance: pooled adjacent violators. */
function spread(row: readonly Slot[], wishes: readonly number[], gap: number): void {
  const offsets: number[] = [];
  row.forEach((one, index) => {
    const before = row[index - 1];
    offsets.push(before === undefined ? 0 : at(offsets, index - 1) + (before.width + one.width) / 2 + gap);
  });
  const pools: { sum: number; count: number }[] = [];
  row.forEach((_, index) => {
    let pool = { sum: at(wishes, index) - at(offsets, index), count: 1 };
    for (
      let last = pools.at(-1);
      last !== undefined && last.sum / last.count > pool.sum / pool.count;
      last = pools.at(-1)
    ) {
      pools.pop();
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
    }
    pools.push(pool);
  });
  const places = pools.flatMap(({ sum, count }) => range(count).map(() => sum / count));
  row.forEach((one, index) => {
    one.x = at(places, index) + at(offsets, index);
  });
}
