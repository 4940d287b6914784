/**
 * Which entries of a Jacobian can be other than zero: its static sparsity, read from the structure of LinearMaps.
 *
 * Ties and embedded axes say where a term has cells; factors whose zeros are known when compiling (selections, sparse constant
 * weights) say where among those it is zero. What depends on the row's values counts as nonzero.
 */

import { evaluateNode } from "../ir/evaluate.ts";
import { derived, operandsOf, topologicalOrder } from "../ir/graph.ts";
import { at, sizeOf, stridesOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Node, Op, Shape } from "../ir/types.ts";
import type { Axis, Label, Labelled } from "./labels.ts";
import { type LinearMap, labelsOf, type Term } from "./linear-map.ts";

/** Nonzero positions sorted by row, then column: rows are cells of the output, columns cells of the input. */
export interface Pattern {
  readonly shape: readonly [rows: number, columns: number];
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** The pattern of a map between values of the given shapes. */
export function patternOfMap(map: LinearMap, [out, inner]: readonly [Shape, Shape]): Pattern {
  const columns = sizeOf(inner);
  const cells = new Set<number>();
  const known = new Map<Node, Tensor>();
  for (const term of map) {
    for (const [row, column] of cellsOf(term, [out, inner], known)) cells.add(row * columns + column);
  }
  return patternOfCells([...cells], [sizeOf(out), columns]);
}

/** The pattern of scalar maps, row-major over rows × columns. */
export function patternOfScalars(maps: readonly LinearMap[], [out, inner]: readonly [Shape, Shape]): Pattern {
  const cells = maps.flatMap((map, cell) => (map.length > 0 ? [cell] : []));
  return patternOfCells(cells, [sizeOf(out), sizeOf(inner)]);
}

function patternOfCells(cells: readonly number[], shape: readonly [number, number]): Pattern {
  const sorted = Float64Array.from(cells).sort();
  return {
    shape,
    rows: Int32Array.from(sorted, (cell) => Math.floor(cell / shape[1])),
    columns: Int32Array.from(sorted, (cell) => cell % shape[1]),
  };
}

/** How many entries of a map may be nonzero; for one term without walking its cells. */
export function nonzerosOf(map: LinearMap, shapes: readonly [Shape, Shape]): number {
  const [term] = map;
  if (term === undefined) return 0;
  if (map.length === 1 && !hasKnownZeros(term)) return labelsOf(term).reduce((n, { size }) => n * size, 1);
  return patternOfMap(map, shapes).rows.length;
}

function hasKnownZeros({ factor, guard }: Term): boolean {
  return [factor, guard].some((part) => part !== undefined && zerosReach(part.node));
}

/** Does any node whose zeros the node inherits bring some? */
function zerosReach(root: Node): boolean {
  const seen = new Set<Node>([root]);
  for (const node of seen) {
    if (zeroSource(node)) return true;
    for (const operand of inheritedFrom(node)) seen.add(operand);
  }
  return false;
}

/** Nodes that bring zeros known when compiling: selections, masks, constants, padding. */
function zeroSource(node: Node): boolean {
  if (node.op === "pad") return true;
  if (node.op === "constant") return node.values.some((value) => value === 0) && node.cell !== "int";
  return node.level === "constant" && node.cell === "bool";
}

/** Row, column, and place among all combinations of the term's labels, of every cell not known to be zero. */
export function* cellsOf(
  term: Term,
  [out, inner]: readonly [Shape, Shape],
  known: Map<Node, Tensor> = new Map(),
): Generator<readonly [row: number, column: number, place: number]> {
  const labels = labelsOf(term);
  const point = new Map<Label, number>(labels.map((label) => [label, 0]));
  const [rowOf, columnOf] = [placeBy(term.out, out), placeBy(term.in, inner)];
  const alive = [term.factor, term.guard].flatMap((part) =>
    part === undefined ? [] : [maskBy(part, known)],
  );
  const count = labels.reduce((size, label) => size * label.size, 1);
  for (let step = 0; step < count; step++) {
    if (alive.every((mask) => mask(point))) yield [rowOf(point), columnOf(point), step];
    for (let index = labels.length - 1; index >= 0; index--) {
      const label = at(labels, index);
      const next = ((point.get(label) as number) + 1) % label.size;
      point.set(label, next);
      if (next > 0) break;
    }
  }
}

type Point = ReadonlyMap<Label, number>;

function placeBy(axes: readonly Axis[], shape: Shape): (point: Point) => number {
  const strides = stridesOf(shape);
  return (point) =>
    axes.reduce((sum, axis, index) => {
      let own = 0;
      for (const label of axis.labels) own = own * label.size + (point.get(label) as number);
      const { start, step } = axis.embed ?? { start: 0, step: 1 };
      return sum + (start + own * step) * at(strides, index);
    }, 0);
}

function maskBy({ node, labels }: Labelled, known: Map<Node, Tensor>): (point: Point) => boolean {
  const { data } = zeroPattern(node, known);
  const sizes = labels.map(({ size }) => size);
  const place = placeBy(
    labels.map((label) => ({ labels: [label] })),
    sizes,
  );
  return (point) => data[data.length === 1 ? 0 : place(point)] !== 0;
}

/** 1 where a node may be nonzero, 0 where it is known not to be. */
function zeroPattern(root: Node, known: Map<Node, Tensor>): Tensor {
  return derived(root, known, { needs: inheritedFrom, make: (node) => patternNode(node, known) });
}

/** Operands whose zeros matter: none for a row's single numbers, nor for functions that turn zeros into numbers. */
function inheritedFrom(node: Node): readonly Node[] {
  if (node.level === "constant" || (node.level === "row" && sizeOf(node.shape) === 1)) return [];
  return SAME.has(node.op) || KEEPS_ZERO.has(node.op) || node.op === "sub" || node.op === "select"
    ? operandsOf(node)
    : [];
}

/** Ops whose pattern is the op of their operands' patterns. */
const SAME: ReadonlySet<Op> = new Set<Op>([
  ...(["mul", "add", "contract", "reduceSum", "reduceProd", "reduceMax", "any", "all", "and", "or"] as const),
  ...(["reshape", "transpose", "broadcast", "slice", "pad", "concat", "window", "unwindow"] as const),
]);
/** Ops that keep zeros where their first operand has them. */
const KEEPS_ZERO: ReadonlySet<Op> = new Set<Op>(["neg", "convert", "abs", "sqrt", "div"]);

function patternNode(node: Node, known: ReadonlyMap<Node, Tensor>): Tensor {
  const operands = inheritedFrom(node).map((operand) => known.get(operand) as Tensor);
  if (node.level === "constant" || node.op === "constant") return exact(node);
  if (operands.length === 0) return { data: new Float64Array(sizeOf(node.shape)).fill(1), shape: node.shape };
  if (node.op === "sub") return binary(evaluateNode({ ...node, op: "add" }, operands));
  if (SAME.has(node.op)) return binary(evaluateNode(node, operands));
  if (node.op === "select") {
    const known = node.condition.level === "constant";
    return known
      ? evaluateNode(node, operands)
      : binary(evaluateNode({ ...node, op: "max" } as never, operands.slice(1)));
  }
  return at(operands, 0);
}

/** The zeros of a value known when compiling. */
function exact(node: Node): Tensor {
  const values = new Map<Node, Tensor>();
  for (const each of topologicalOrder([node]))
    values.set(
      each,
      evaluateNode(
        each,
        operandsOf(each).map((operand) => values.get(operand) as Tensor),
      ),
    );
  return binary(values.get(node) as Tensor);
}

function binary({ data, shape }: Tensor): Tensor {
  const { length } = data;
  const size = sizeOf(shape);
  return {
    data: Float64Array.from({ length: size }, (_, cell) => (data[length === 1 ? 0 : cell] === 0 ? 0 : 1)),
    shape,
  };
}
