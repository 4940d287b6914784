/**
 * For how many rows lanes lie best along features: by counting instructions.
 *
 * In: a lowered program and the lanes of a vector. Out: a number of rows; code for up to so many has its lanes along features.
 */

import { accessesOf, rootsOf } from "../lower/accesses.ts";
import { expressionsOf } from "../lower/intern.ts";
import { type Axis, type Leaf, type Lowered, pointsOf, type Stage } from "../lower/loops.ts";
import { weightOf } from "./expressions.ts";
import { hasLanes, laneAxisOf, movesOf } from "./feature-lanes.ts";
import { blockedAxis } from "./packing.ts";

/** Multiplications by weights of a row from which lanes along features pay. */
const LEAST_PRODUCTS = 1 << 14;
/** Bytes of the scratch of a tile of rows, a line for each cell: those that fill any cache, and a common second-level one. */
const [LARGE_TILE, MEDIUM_TILE, LINE_BYTES] = [16 * 2 ** 20, 2 * 2 ** 20, 64];
/** Products of two row values read both from the tile: from this part of all products on, they should find it in a second-level cache. */
const MANY_ROW_PRODUCTS = 0.25;
/** Lanes along features may stand idle for so many times the work before memory is the lesser evil (measured). */
const MOST_IDLE = 2;

/**
 * Up to how many rows are best run one after the other, with lanes along features: half of a vector's lanes where products with weights
 * are most of the work; any number where products are and a tile of rows side by side would run through memory; else none.
 */
export function mostRows({ stages, inputs, outputs, sums, scratchCells }: Lowered, width: number): number {
  if (sums.length > 0 || [...inputs, ...outputs].some(({ buffer }) => buffer.cell !== "float")) return 0;
  const { weights, products, others, lanes } = workOf(stages, width);
  const most = products - weights > MANY_ROW_PRODUCTS * products ? MEDIUM_TILE : LARGE_TILE;
  const isLarge = scratchCells * LINE_BYTES > most && products >= LEAST_PRODUCTS && products > others;
  if (isLarge && lanes < MOST_IDLE * (products + others)) return Number.POSITIVE_INFINITY;
  return weights >= LEAST_PRODUCTS && 2 * weights > products + others ? Math.max(1, width / 2) : 0;
}

/** Instructions of a row, about. */
interface Work {
  /** Of products with weights, of all products, and of the rest. */
  weights: number;
  products: number;
  others: number;
  /** Of all, in lanes along features, idle ones included. */
  lanes: number;
}

function workOf(stages: readonly Stage[], width: number): Work {
  const work = { weights: 0, products: 0, others: 0, lanes: 0 };
  for (const stage of stages) {
    const times = stage.kind === "repeat" ? stage.axis.size : 1;
    const each = stage.kind === "repeat" ? workOf(stage.stages, width) : workOfLeaf(stage, width);
    for (const kind of Object.keys(work) as (keyof Work)[]) work[kind] += times * each[kind];
  }
  return work;
}

function workOfLeaf(stage: Leaf, width: number): Work {
  const each = weightOf(expressionsOf(rootsOf(stage)));
  if (stage.kind === "straight" || stage.kind === "sum")
    return { weights: 0, products: 0, others: each, lanes: each * width };
  if (stage.kind === "product") {
    const products = pointsOf([...stage.batch, ...stage.m, ...stage.n, ...stage.k]);
    const hasWeights = hasLanes(stage);
    const axis = hasWeights ? blockedAxis(stage) : laneAxisOf(stage, [...stage.m, ...stage.n], width);
    return { weights: hasWeights ? products : 0, products, others: 0, lanes: products * idle(axis, width) };
  }
  const points = pointsOf([...stage.axes, ...(stage.reduce?.axes ?? [])]);
  const axis = laneAxisOf(stage, stage.axes, width);
  const moves = accessesOf(stage).map((access) =>
    axis === undefined ? 1 : movesOf(stage, access, { axis, width }),
  );
  const apart = moves.filter((count) => count > 1).reduce((sum, count) => sum + count, 0);
  const lanes = points * idle(axis, width) * (each + apart);
  return { weights: 0, products: 0, others: points * each, lanes };
}

/** Lanes of whole vectors along the axis, for each of its places. */
const idle = (axis: Axis | undefined, width: number): number =>
  axis === undefined ? width : (Math.ceil(axis.size / width) * width) / axis.size;
