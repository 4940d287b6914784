/**
 * What is taken apart to scalars, and when: to plan derivatives, and to make code. The one place that decides it.
 *
 * In: nodes, or a program. Out: whether they are a formula, better planned as scalars than as tensors; the program made of scalars.
 */

import { Builder } from "../ir/builder.ts";
import { evaluateNode } from "../ir/evaluate.ts";
import {
  inline,
  mapProgram,
  nodesOf,
  operandsOf,
  programOf,
  rebuild,
  topologicalOrder,
} from "../ir/graph.ts";
import { isReduce } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensorOf } from "../ir/tensor.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import { withBody } from "./rewrite.ts";
import { MOVEMENTS, ScalarCells, summedSizes } from "./scalar-cells.ts";

/** Contractions with a shared operand of more cells than this are tensor work. */
const MOST_SHARED_CELLS = 64;
const MOST_PRODUCTS = 400;
/** Code that takes larger shared values apart cell by cell is longer than loops. */
const MOST_BOUND_CELLS = 4096;
/** Graphs of tensors with more scalar operations stay together. */
const MOST_OPERATIONS = 3000;
/** Operations per node on average up to which a program of any length is made of scalars already. */
const MADE_OF_SCALARS = 2;
/** Below this many operations nothing else is asked; above, this many per node on average are too many. */
const FEW_OPERATIONS = 120;
const MOST_PER_NODE = 32;
/** Contractions of which at most this share of the products is left, because factors are zero, are quicker by scalars. */
const SPARSE = 2 / 3;
/** Arithmetic that makes zeros of zeros alone: of ones and zeros it makes how many products are left. */
const COUNTED: ReadonlySet<string> = new Set(["mul", "add", "contract"]);

/** What is asked of a graph before it is taken apart. */
interface Survey {
  readonly order: readonly Node[];
  /** Nodes of a row that compute something. */
  readonly nodes: readonly Node[];
  /** The scalar operations of all of them. */
  readonly operations: number;
}

/** A graph that may be taken apart, or undefined. */
function surveyOf(order: readonly Node[]): Survey | undefined {
  const rows = order.filter(({ level }) => level === "row");
  if (rows.some(isTensorWork) || order.some(isLargeShared)) return undefined;
  const nodes = rows.filter(({ op }) => op !== "input" && !MOVEMENTS.has(op));
  return { order, nodes, operations: nodes.reduce((sum, node) => sum + scalarOperations(node), 0) };
}

const isLargeShared = ({ level, shape }: Node): boolean =>
  (level === "constant" || level === "bound") && sizeOf(shape) > MOST_BOUND_CELLS;

function isTensorWork(node: Node): boolean {
  if (node.op === "scan" || node.op === "jacobian") return true;
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

const isMadeOfScalars = ({ nodes, operations }: Survey): boolean =>
  operations <= MADE_OF_SCALARS * nodes.length;

/** Are factors of its contractions zero, as in the matrices of an arm's joints, so that few products are left? */
function isSparse({ order, operations }: Survey): boolean {
  if (operations > MOST_OPERATIONS) return false;
  const nonzero = new Map<Node, Tensor>();
  let [products, left] = [0, 0];
  for (const node of order) {
    const operands = operandsOf(node).map((operand) => nonzero.get(operand) as Tensor);
    const isKnown =
      node.op === "constant" || MOVEMENTS.has(node.op) || (node.level === "row" && COUNTED.has(node.op));
    const { data } = isKnown ? evaluateNode(node, operands) : tensorOf([1], node.shape);
    nonzero.set(node, { data: data.map((count) => (count === 0 ? 0 : 1)), shape: node.shape });
    if (node.op !== "contract" || node.level !== "row") continue;
    products += scalarOperations(node);
    left += data.reduce((sum, count) => sum + count, 0);
  }
  return left < SPARSE * products;
}

/** Is the graph of `roots` a formula, whose derivatives are better planned by scalars than by tensors? */
export function isFormula(roots: readonly Node[]): boolean {
  const survey = surveyOf(topologicalOrder(roots));
  if (survey === undefined) return false;
  const { nodes, operations } = survey;
  if (isMadeOfScalars(survey) || operations <= FEW_OPERATIONS) return true;
  return operations <= MOST_OPERATIONS && (operations <= MOST_PER_NODE * nodes.length || isSparse(survey));
}

/** The program with every output put together from scalars, or undefined where it is no formula. */
export function scalarise(program: Program): Program | undefined {
  return isFormula(program.outputs.map(({ value }) => value)) ? apart(program) : undefined;
}

/**
 * The program as code is made of it, bodies of loops too. Taken apart are contractions beside scalars, so that values share what
 * their Jacobian computes of them, and those between matrices with zeros. Others are quicker as products: weights of networks.
 */
export function withoutSmallContractions(program: Program): Program {
  const order = nodesOf(program);
  if (order.some(({ op }) => op === "scan"))
    return mapProgram(program, (b, node, operands) =>
      withBody(b, node, { operands, body: withoutSmallContractions }),
    );
  const survey = surveyOf(order);
  if (survey?.nodes.some(({ op }) => op === "contract") !== true) return program;
  return isMadeOfScalars(survey) || isSparse(survey) ? apart(program) : program;
}

function apart(program: Program): Program {
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, program, inputs);
  const { whole } = new ScalarCells(b).add(topologicalOrder(values));
  const outputs = program.outputs.map(({ name }, index) => ({ name, value: whole(at(values, index)) }));
  return programOf(program.name, inputs, outputs);
}
