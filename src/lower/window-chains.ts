/**
 * Finds sums of spread windows: contractions of cells and weights whose result constant 0/1 matrices spread over places.
 *
 *   out[p] = Σ_{q, m : p = start + stride · q + dilation · m} cells[q] · weights[m]     for one or more axes p
 *
 * In: a contraction of the program. Out: its parts, their axes under common names; nothing if it is of another form.
 */

import { at, range, sizeOf } from "../ir/shape.ts";
import type { ContractNode, Node } from "../ir/types.ts";
import { coordinatesOf, onePer, type Selected, stepsOf } from "./zero-one.ts";

/** A node and the names of its axes. */
export interface Factor {
  readonly node: Node;
  readonly labels: readonly number[];
}

/** One axis: `counts` are the digits of q, `cell` is m. */
export interface Spread {
  readonly place: number;
  readonly counts: readonly number[];
  readonly cell: number;
  readonly start: number;
  readonly stride: number;
  readonly dilation: number;
}

/** Σ cells · weights, spread along some axes. */
export interface Chain {
  readonly cells: Factor;
  readonly weights: Factor;
  readonly spreads: readonly Spread[];
  readonly out: readonly number[];
}

/** How often nodes are used, and what constants select. */
export interface Surroundings {
  readonly users: ReadonlyMap<Node, number>;
  readonly selected: (matrix: Node) => Selected | undefined;
}

/** The contraction's parts. */
export function chainOf(node: ContractNode, around: Surroundings): Chain | undefined {
  const out = range(node.shape.length);
  const matrices: Factor[] = [];
  let next = out.length;
  let current = { node, labels: out };
  for (;;) {
    const names = new Map(current.node.outLabels.map((label, axis) => [label, at(current.labels, axis)]));
    const named = (own: readonly number[]): number[] =>
      own.map((label) => names.get(label) ?? (names.set(label, next++), next - 1));
    const a: Factor = { node: current.node.a, labels: named(current.node.aLabels) };
    const b: Factor = { node: current.node.b, labels: named(current.node.bLabels) };
    const [matrix, moved] = a.node.level === "constant" ? [a, b] : [b, a];
    const inner = moved.node;
    if (inner.op !== "contract" || around.users.get(inner) !== 1 || !isMatrix(matrix, around))
      return matrices.length === 0 ? undefined : finished([a, b], { matrices, out, around });
    matrices.push(matrix);
    current = { node: inner, labels: [...moved.labels] };
  }
}

const isMatrix = ({ node }: Factor, { selected }: Surroundings): boolean =>
  node.level === "constant" && node.shape.length > 2 && selected(node) !== undefined;

interface Found {
  readonly matrices: readonly Factor[];
  readonly out: readonly number[];
  readonly around: Surroundings;
}

function finished([a, b]: readonly [Factor, Factor], { matrices, out, around }: Found): Chain | undefined {
  const [cells, weights] = a.node.level === "row" ? [a, b] : [b, a];
  const inner = matrices.flatMap(({ labels }) => labels.filter((label) => !out.includes(label)));
  const lists = [inner, cells.labels, weights.labels];
  if (lists.some((labels) => new Set(labels).size !== labels.length)) return undefined;
  const spreads = matrices.flatMap(
    (matrix) => spreadOf(matrix, { cells, weights, out, selected: around.selected(matrix.node) }) ?? [],
  );
  const places = spreads.map(({ place }) => place);
  const isFree = (label: number): boolean =>
    !cells.labels.includes(label) &&
    !weights.labels.includes(label) &&
    new Set(places).size === places.length;
  return spreads.length === matrices.length && places.every(isFree)
    ? { cells, weights, spreads, out }
    : undefined;
}

function spreadOf(
  { node, labels }: Factor,
  { cells, weights, out, selected }: Omit<Chain, "spreads"> & { selected: Selected | undefined },
): Spread | undefined {
  const counts = labels.filter((label) => cells.labels.includes(label));
  const [cell, ...cellsLeft] = labels.filter((label) => weights.labels.includes(label));
  const [place, ...placesLeft] = labels.filter((label) => out.includes(label));
  if (selected === undefined || cell === undefined || place === undefined) return undefined;
  const order = [...counts, cell, place];
  const isWhole = cellsLeft.length === 0 && placesLeft.length === 0;
  if (!isWhole || order.length !== labels.length || new Set(order).size !== order.length) return undefined;
  const axes = order.map((label) => labels.indexOf(label));
  const sizes = axes.slice(0, -1).map((axis) => at(node.shape, axis));
  const places = onePer(
    selected.ones.map((one) => {
      const coordinates = coordinatesOf(one, node.shape);
      const from = axes
        .slice(0, -1)
        .reduce((sum, axis) => sum * at(node.shape, axis) + at(coordinates, axis), 0);
      return [from, at(coordinates, labels.indexOf(place))] as const;
    }),
    sizeOf(sizes),
  );
  const steps = places === undefined ? undefined : stepsOf(places, sizes);
  const stride = steps === undefined ? undefined : strideOf(sizes.slice(0, -1), steps);
  const dilation = steps?.at(-1);
  if (places === undefined || stride === undefined || dilation === undefined) return undefined;
  return stride < 1 || dilation < 1
    ? undefined
    : { place, counts, cell, start: at(places, 0), stride, dilation };
}

/** The step of a number whose digits of these sizes move by these steps. */
function strideOf(sizes: readonly number[], steps: readonly number[]): number | undefined {
  const units = sizes.map((_, axis) => sizeOf(sizes.slice(axis + 1)));
  const moving = range(sizes.length).filter((axis) => at(sizes, axis) > 1);
  const [fastest] = moving.slice(-1);
  const stride = fastest === undefined ? 1 : at(steps, fastest) / at(units, fastest);
  return moving.every((axis) => at(steps, axis) === stride * at(units, axis)) ? stride : undefined;
}
