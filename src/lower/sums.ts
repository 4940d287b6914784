/**
 * Sums over rows: what the rows compute is split from what follows them.
 *
 * In: a program with `rowSum` nodes. Out: a program of rows, whose last outputs are what is summed, and `Sum` stages that
 * add those up while rows run. The sum of a contraction of two row values takes its operands: their products are added as
 * they are formed, and no row's product is stored.
 */

import { UnsupportedError } from "../errors.ts";
import { nodesOf, topologicalOrder } from "../ir/graph.ts";
import { at, sizeOf, stridesOf } from "../ir/shape.ts";
import type { ContractNode, Node, Output, Program, RowSumNode } from "../ir/types.ts";
import { labelSizes } from "./contractions.ts";
import type { Access, Axis, Buffer, RowSum, Sum } from "./loops.ts";
import { withMergedAxes } from "./merge-axes.ts";
import { halved } from "./symmetric-sums.ts";

/** Sums of products with fewer cells are formed row by row: one running sum cannot keep a machine busy. */
const LEAST_CELLS = 4;

/** A sum over rows and the values of a row that it takes: one, or the two operands of a contraction. */
interface Summed {
  readonly source: RowSumNode;
  readonly product: ContractNode | undefined;
}

/** A program in two parts. */
export interface SplitProgram {
  /** What each row computes: its own outputs, then what is summed. */
  readonly rows: Program;
  /** How many of its outputs are the caller's. */
  readonly own: number;
  readonly sums: readonly Summed[];
}

/** Splits a program at its sums over rows. */
export function splitSums(program: Program): SplitProgram {
  const own = program.outputs.filter(({ value }) => value.level !== "finish");
  if (own.length === program.outputs.length) return { rows: program, own: own.length, sums: [] };
  const sums = nodesOf(program).filter((node) => node.op === "rowSum");
  const integers = sums.find(({ a }) => a.cell !== "float");
  if (integers !== undefined) throw new UnsupportedError("JR850", "sums over rows add floats only");
  const products = new Map(sums.flatMap((node) => (isFusable(node.a) ? [[node, node.a] as const] : [])));
  const needed = new Set(
    topologicalOrder([
      ...own.map(({ value }) => value),
      ...sums.flatMap((node) => operandsOf(node, products.get(node))),
    ]),
  );
  const split = sums.map((source): Summed => {
    const product = products.get(source);
    return { source, product: product !== undefined && needed.has(product) ? undefined : product };
  });
  const operands = new Set(split.flatMap(({ source, product }) => operandsOf(source, product)));
  const known = new Set<Node>(own.map(({ value }) => value));
  const extra = [...operands].filter((node) => !known.has(node) && !isRowInput(node));
  const outputs: Output[] = extra.map((value, index) => ({ name: `summed ${index}`, value }));
  const rows = { name: program.name, inputs: program.inputs, outputs: [...own, ...outputs] };
  return { rows, own: own.length, sums: split };
}

const isRowInput = (node: Node): boolean => node.op === "input" && node.level === "row";

const operandsOf = (node: RowSumNode, product: ContractNode | undefined): Node[] =>
  product === undefined ? [node.a] : [product.a, product.b];

/** A product worth adding up as it is formed: both operands are the row's. */
function isFusable(node: Node): node is ContractNode {
  if (node.op !== "contract" || node.a.level !== "row" || node.b.level !== "row") return false;
  return sizeOf(node.shape) >= LEAST_CELLS;
}

/** What sums need of the lowered rows. */
export interface SumSurroundings {
  /** The tile buffer that holds a summed value row-major. */
  readonly bufferOf: (node: Node) => Buffer;
  readonly makeAxis: (size: number) => Axis;
  /** First id for buffers made here. */
  readonly nextId: number;
}

/** The stages that add, and where each sum lies. */
export function sumStages(
  sums: readonly Summed[],
  around: SumSurroundings,
): { stages: readonly Sum[]; sums: readonly RowSum[]; places: ReadonlyMap<Buffer, number> } {
  const places = new Map<Buffer, number>();
  let next = 0;
  const parts = sums.map((summed, index) => {
    const { source, product } = summed;
    const cells = sizeOf(source.shape);
    const buffer: Buffer = { id: around.nextId + index, space: "sum", cells, cell: "float", name: "sum" };
    places.set(buffer, next);
    next += cells;
    const whole =
      product === undefined ? plainSum(source, buffer, around) : productSum(product, buffer, around);
    const stage = withMergedAxes(whole, around.makeAxis) as Sum;
    const half = halved(stage, around.makeAxis);
    if (half === undefined) return { stages: cells === 0 ? [] : [stage], sum: { source, buffer } };
    return { stages: half.stages, sum: { source, buffer, symmetric: half.symmetric } };
  });
  return { stages: parts.flatMap(({ stages }) => stages), sums: parts.map(({ sum }) => sum), places };
}

function plainSum({ a }: RowSumNode, into: Buffer, { bufferOf, makeAxis }: SumSurroundings): Sum {
  const axes = sizeOf(a.shape) === 1 ? [] : [makeAxis(sizeOf(a.shape))];
  const index = { offset: 0, terms: axes.map((axis) => ({ axis, stride: 1 })) };
  const lists = { batch: [], m: axes, n: [], k: [] };
  return {
    kind: "sum",
    ...lists,
    a: { buffer: bufferOf(a), index },
    into: { buffer: into, index },
    stores: [],
  };
}

function productSum(node: ContractNode, into: Buffer, { bufferOf, makeAxis }: SumSurroundings): Sum {
  const axes = new Map([...labelSizes(node)].map(([label, size]) => [label, makeAxis(size)] as const));
  const access = (buffer: Buffer, labels: readonly number[], shape: readonly number[]): Access => {
    const strides = stridesOf(shape);
    const terms = labels.map((label, axis) => ({
      axis: axes.get(label) as Axis,
      stride: at(strides, axis),
    }));
    return { buffer, index: { offset: 0, terms: terms.filter((term) => term.axis.size > 1) } };
  };
  const chosen = (test: (label: number) => boolean): Axis[] =>
    [...axes].filter(([label, axis]) => axis.size > 1 && test(label)).map(([, axis]) => axis);
  const [inA, inB, inOut] = [node.aLabels, node.bLabels, node.outLabels].map((list) => new Set(list)) as [
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  return {
    kind: "sum",
    batch: chosen((label) => inOut.has(label) && inA.has(label) && inB.has(label)),
    m: chosen((label) => inOut.has(label) && inA.has(label) && !inB.has(label)),
    n: chosen((label) => inOut.has(label) && !inA.has(label)),
    k: chosen((label) => !inOut.has(label)),
    a: access(bufferOf(node.a), node.aLabels, node.a.shape),
    b: access(bufferOf(node.b), node.bLabels, node.b.shape),
    into: access(into, node.outLabels, node.shape),
    stores: [],
  };
}

/** Cells of all sums. */
export function sumCells(sums: readonly RowSum[]): number {
  return sums.reduce((total, { buffer }) => total + buffer.cells, 0);
}
