/**
 * Small programs as formulas: which are, and such a program with every value taken apart into scalars.
 *
 * In: nodes, or a program. Out: whether they are better taken apart than kept as tensors; the program made of scalars.
 */

import { Builder } from "../ir/builder.ts";
import { inline, programOf, rebuild, topologicalOrder } from "../ir/graph.ts";
import { isReduce } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import { MOVEMENTS, ScalarCells, summedSizes } from "./scalar-cells.ts";

/** Contractions with a shared operand of more cells than this are tensor work. */
const MOST_SHARED_CELLS = 64;
const MOST_PRODUCTS = 400;
/** Operations per node on average up to which a program of any length is made of scalars already. */
const MADE_OF_SCALARS = 2;
/** Below this many operations nothing else is asked; above, this many per node on average are too many. */
const FEW_OPERATIONS = 120;
const MOST_PER_NODE = 32;

/** Is the graph of `roots` a formula, better taken apart than kept as tensors? One made of tensors has at most `limit` operations. */
export function isFormula(roots: readonly Node[], limit: number): boolean {
  const nodes = topologicalOrder(roots).filter(({ level }) => level === "row");
  if (nodes.some(isTensorWork)) return false;
  const costs = nodes.filter(({ op }) => op !== "input" && !MOVEMENTS.has(op)).map(scalarOperations);
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  if (total <= MADE_OF_SCALARS * costs.length) return true;
  return total <= limit && (total <= FEW_OPERATIONS || total <= MOST_PER_NODE * costs.length);
}

function isTensorWork(node: Node): boolean {
  if (node.op === "scan" || node.op === "rowSum" || node.op === "jacobian") return true;
  if (node.op !== "contract") return false;
  const shared = [node.a, node.b].filter(({ level }) => level !== "row");
  return (
    shared.some(({ shape }) => sizeOf(shape) > MOST_SHARED_CELLS) || scalarOperations(node) > MOST_PRODUCTS
  );
}

/** Scalar operations of a node taken apart. */
function scalarOperations(node: Node): number {
  if (node.op === "contract") return sizeOf(node.shape) * sizeOf(summedSizes(node));
  return sizeOf(isReduce(node.op) && "a" in node ? node.a.shape : node.shape);
}

/** The program with every output put together from scalars, or undefined where it is no formula. */
export function scalarise(program: Program, limit: number): Program | undefined {
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, program, inputs);
  if (!isFormula(values, limit)) return undefined;
  const { whole } = new ScalarCells(b).add(topologicalOrder(values));
  const outputs = program.outputs.map(({ name }, index) => ({ name, value: whole(at(values, index)) }));
  return programOf(program.name, inputs, outputs);
}
