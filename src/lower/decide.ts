/**
 * Which nodes are stored and which are computed again wherever they are used.
 *
 * Reductions, contractions and joins are always stored. An elementwise node is stored when computing it at every point
 * that uses it costs more than storing it once and loading it; expressions grow to a bounded size only.
 */

import { operandsOf } from "../ir/graph.ts";
import { isBinary, isCompare, isLogic, isReduce, isUnary } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { contractionKind, contractionPoints, viewed } from "./contractions.ts";
import { costOf, isView, kernelOf } from "./costs.ts";
import type { ElementwiseOp } from "./loops.ts";

/** Operations in one stored expression, about. */
const LARGEST_EXPRESSION = 48;
const STORE_COST = 1;
const LOAD_COST = 1;

/** Nodes whose cells never live in an expression alone. */
export function isAlwaysStored(node: Node): boolean {
  if (isReduce(node.op)) return true;
  switch (node.op) {
    case "contract":
      return contractionKind(node) !== "outer";
    case "concat":
    case "pad":
    case "scatterAdd":
    case "unwindow":
      return true;
    case "gather":
      return node.indices.level === "row";
    default:
      return false;
  }
}

/** The elementwise function a node applies, if it applies one. */
export function functionOf(node: Node): ElementwiseOp | undefined {
  if (isUnary(node.op) || isBinary(node.op) || isCompare(node.op) || isLogic(node.op)) return node.op;
  if (node.op === "not") return "not";
  return node.op === "call" ? kernelOf(node) : undefined;
}

function ownCost(node: Node): number {
  const name = functionOf(node);
  return name === undefined ? (isView(node) ? 0 : 1) : costOf(name);
}

interface Cone {
  /** Cost of computing one cell from stored cells, in how many operations, and how many cells are loaded. */
  readonly cost: number;
  readonly operations: number;
  readonly loads: number;
}

const LEAF: Cone = { cost: 0, operations: 0, loads: 1 };

/** Chooses the stored nodes among `order` (operands before users); `outputs` may be stored too. */
export function storedNodes(order: readonly Node[], outputs: ReadonlySet<Node>): Set<Node> {
  const stored = new Set<Node>();
  const cones = conesOf(order, stored);
  const sites = new Map<Node, Map<Node, number>>();
  for (const node of [...order].reverse()) {
    if (node.level !== "row") continue;
    if (
      !stored.has(node) &&
      worthStoring(node, { cone: cones.get(node) ?? LEAF, points: pointsOf(sites.get(node)) })
    )
      stored.add(node);
    const isRoot = stored.has(node) || outputs.has(node);
    for (const [operand, points] of evaluations(node)) {
      if (operand.level !== "row") continue;
      const own = isRoot ? new Map([[node, points]]) : (sites.get(node) ?? new Map<Node, number>());
      sites.set(operand, joined(sites.get(operand), own));
    }
    for (const operand of mustBeStored(node)) stored.add(operand);
  }
  return stored;
}

/** Cones by a first guess: dear functions with several users are stored. */
function conesOf(order: readonly Node[], stored: Set<Node>): Map<Node, Cone> {
  const users = new Map<Node, number>();
  for (const node of order)
    for (const operand of new Set(operandsOf(node))) users.set(operand, (users.get(operand) ?? 0) + 1);
  const cones = new Map<Node, Cone>();
  for (const node of order) {
    if (node.level !== "row" || node.op === "input") continue;
    if (isAlwaysStored(node)) {
      stored.add(node);
      continue;
    }
    const parts = operandsOf(node)
      .filter((operand) => operand.level === "row")
      .map((operand) => cones.get(operand) ?? LEAF);
    const total = (part: keyof Cone): number => parts.reduce((sum, cone) => sum + cone[part], 0);
    const isDear = ownCost(node) >= 5 && (users.get(node) ?? 0) > 1;
    const cone = {
      cost: total("cost") + ownCost(node),
      operations: total("operations") + (isView(node) ? 0 : 1),
      loads: total("loads"),
    };
    if (cone.operations > LARGEST_EXPRESSION && !isView(node)) stored.add(node);
    cones.set(node, isDear || stored.has(node) ? LEAF : cone);
  }
  return cones;
}

function worthStoring(node: Node, { cone, points }: { cone: Cone; points: number }): boolean {
  if (isView(node) || node.op === "input") return false;
  const cells = sizeOf(node.shape);
  const cost = Math.max(cone.cost, ownCost(node)) + cone.loads * LOAD_COST;
  return points * cost > cells * (cost + STORE_COST) + points * LOAD_COST;
}

const pointsOf = (sites: ReadonlyMap<Node, number> | undefined): number =>
  [...(sites?.values() ?? [])].reduce((sum, points) => sum + points, 0);

function joined(a: ReadonlyMap<Node, number> | undefined, b: ReadonlyMap<Node, number>): Map<Node, number> {
  const result = new Map(a ?? []);
  for (const [root, points] of b) result.set(root, Math.max(result.get(root) ?? 0, points));
  return result;
}

/** At how many points a stored node evaluates each operand. */
function evaluations(node: Node): [Node, number][] {
  const points = sizeOf(node.shape);
  if (isReduce(node.op) && "a" in node) return [[node.a, sizeOf(node.a.shape)]];
  switch (node.op) {
    case "contract":
      return [
        [node.a, contractionPoints(node)],
        [node.b, contractionPoints(node)],
      ];
    case "concat":
      return node.parts.map((part) => [part, sizeOf(part.shape)]);
    case "pad":
    case "scatterAdd":
    case "unwindow":
      return [[node.a, sizeOf(node.a.shape)]];
    case "gather":
      return node.indices.level === "row"
        ? [[node.indices, points * at(node.a.shape, node.axis)]]
        : [[node.a, points]];
    default:
      return operandsOf(node).map((operand) => [operand, points]);
  }
}

/** Operands a node can only read from memory. */
function mustBeStored(node: Node): Node[] {
  const operands = node.op === "contract" && contractionKind(node) === "product" ? [node.a, node.b] : [];
  if (node.op === "gather" && node.indices.level === "row") operands.push(node.a);
  return operands.map(viewed).filter((operand) => operand.level === "row" && operand.op !== "input");
}
