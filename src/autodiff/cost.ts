/** Counting the arithmetic of a graph, per row: what plans are compared by. */

import { topologicalOrder } from "../ir/graph.ts";
import { isBinary, isCompare, isLogic, isReduce, isUnary } from "../ir/ops.ts";
import { sizeOf } from "../ir/shape.ts";
import type { ContractNode, Level, Node, Op, ScanNode } from "../ir/types.ts";
import { movedCells } from "./selection.ts";

/** Operations per row. Only values of level "row" count: bound ones are formed once for all rows. */
export interface Counts {
  multiplications: number;
  additions: number;
  divisions: number;
  /** exp, sin, tanh, … */
  functions: number;
  /** Comparisons, selections, minima. */
  other: number;
  /** All of them, weighted by what they take on a lane. */
  cost: number;
}

const CHEAP: ReadonlySet<string> = new Set(["neg", "abs", "sign", "floor", "ceil", "round"]);
/** Movements of cells, which lowering turns into indices. */
const FREE: ReadonlySet<string> = new Set([
  "input",
  "constant",
  "iota",
  "reshape",
  "transpose",
  "broadcast",
  "slice",
  "pad",
  "concat",
  "gather",
  "window",
  "project",
  "stopGradient",
]);
const WEIGHTS = { multiplications: 1, additions: 1, divisions: 4, functions: 10, other: 1 } as const;

const KEYS = Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[];

/**
 * What a product of two row values takes beyond its multiplication and addition. Weights are read once for all rows of a tile, a
 * row's own matrices are not: measured at 2 to 2.7 times the time of a product with weights.
 */
export const ROW_BY_ROW = 2;

/** Operations of everything of one level (by default what runs for each row) that the nodes need. */
export function countNodes(roots: readonly Node[], level: Level = "row"): Counts {
  const counts: Counts = { multiplications: 0, additions: 0, divisions: 0, functions: 0, other: 0, cost: 0 };
  for (const node of topologicalOrder(roots)) {
    if (node.level !== level || node.cell === "int") continue;
    if (node.op === "contract") countContract(counts, node);
    else if (node.op === "scan") countLoop(counts, node);
    else if (!FREE.has(node.op)) counts[kindOf(node)] += cellsOf(node);
  }
  counts.cost += KEYS.reduce((sum, key) => sum + WEIGHTS[key] * counts[key], 0);
  return counts;
}

/** Whatever a body computes counts: what is the same in every step is rare there. */
function countLoop(counts: Counts, { body, steps }: ScanNode): void {
  const own = countNodes(body.outputs.map(({ value }) => value));
  for (const key of KEYS) counts[key] += steps * own[key];
}

function countContract(counts: Counts, node: ContractNode): void {
  const moved = movedCells(node);
  if (moved !== undefined) {
    counts.additions += moved;
    return;
  }
  const sizes = new Map<number, number>();
  node.aLabels.forEach((label, axis) => sizes.set(label, node.a.shape[axis] as number));
  node.bLabels.forEach((label, axis) => sizes.set(label, node.b.shape[axis] as number));
  const products = [...sizes.values()].reduce((size, each) => size * each, 1);
  counts.multiplications += products;
  counts.additions += products - sizeOf(node.shape);
  if (products > 1 && node.a.level === "row" && node.b.level === "row") counts.cost += ROW_BY_ROW * products;
}

function cellsOf(node: Node): number {
  return sizeOf(isReduce(node.op) && "a" in node ? node.a.shape : node.shape);
}

const kinds = new Map<Op, keyof typeof WEIGHTS>();

function kindOf(node: Node): keyof typeof WEIGHTS {
  const known = kinds.get(node.op);
  if (known !== undefined) return known;
  const kind = judged(node);
  kinds.set(node.op, kind);
  return kind;
}

function judged(node: Node): keyof typeof WEIGHTS {
  if (node.op === "mul" || node.op === "reduceProd") return "multiplications";
  if (node.op === "add" || node.op === "sub" || node.op === "reduceSum") return "additions";
  if (node.op === "div" || node.op === "sqrt") return "divisions";
  if (
    isCompare(node.op) ||
    isLogic(node.op) ||
    isReduce(node.op) ||
    node.op === "select" ||
    node.op === "min" ||
    node.op === "max"
  )
    return "other";
  if ((isUnary(node.op) && !CHEAP.has(node.op)) || isBinary(node.op) || node.op === "call")
    return "functions";
  return "other";
}
