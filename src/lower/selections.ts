/**
 * Contractions with a constant 0/1 matrix that only picks or places cells become movements.
 *
 * Local derivatives of windows, gathers, slices and pads are such matrices. In: a program. Out: an equal one, where picking is a
 * slice, window or gather (which cost nothing) and placing is a pad, unwindow or scatterAdd. Products with 0 disappear,
 * so 0 · ∞ no longer shows.
 */

import type { Builder } from "../ir/builder.ts";
import { mapProgram, nodesOf, operandsOf, rebuild } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { ContractNode, Node, Program } from "../ir/types.ts";
import { gatheredWindows } from "./transposed-windows.ts";
import { coordinatesOf, onePer, type Selected, selectedOf, stepsOf } from "./zero-one.ts";

/** Constants with more cells are not looked at. */
const MOST_CELLS = 2 ** 21;

/** A program with selections as movements. */
export interface Expanded {
  readonly program: Program;
  /** The node of the program given that a node of the new one is; itself if it is new (then it reads no input). */
  readonly original: (node: Node) => Node;
}

/** Replaces selections wherever they are; the program itself if there are none. */
export function expandSelections(program: Program): Expanded {
  if (!nodesOf(program).some((node) => node.op === "contract" && node.level === "row" && hasConstant(node))) {
    return { program, original: (node) => node };
  }
  const known = new Map<Node, Selected | undefined>();
  const originals = new Map<Node, Node>();
  const images = new Map<Node, Node>();
  const around = {
    users: usersOf(program),
    selected: (matrix: Node): Selected | undefined => selectedIn(matrix, known),
    image: (node: Node): Node => images.get(node) as Node,
  };
  let found = false;
  const expanded = mapProgram(program, (builder, node, operands) => {
    const same = rebuild(builder, node, operands);
    operandsOf(node).forEach((operand, index) => images.set(operand, at(operands, index)));
    const movement =
      gatheredWindows(builder, node, around) ??
      (same.op === "contract" && same.level === "row"
        ? withoutSelection(same, { b: builder, known })
        : undefined);
    found ||= movement !== undefined;
    if (!originals.has(same)) originals.set(same, node);
    return movement ?? same;
  });
  if (!found) return { program, original: (node) => node };
  expanded.inputs.forEach((input, index) => originals.set(input, at(program.inputs, index)));
  return { program: expanded, original: (node) => originals.get(node) ?? node };
}

const hasConstant = ({ a, b }: ContractNode): boolean => a.level === "constant" || b.level === "constant";

interface Side {
  readonly matrix: Node;
  readonly matrixLabels: readonly number[];
  readonly moved: Node;
  readonly movedLabels: readonly number[];
}

function withoutSelection(node: ContractNode, workshop: Workshop): Node | undefined {
  const [a, c] = [
    { node: node.a, labels: node.aLabels },
    { node: node.b, labels: node.bLabels },
  ];
  for (const [matrix, moved] of [
    [a, c],
    [c, a],
  ] as const) {
    const side: Side = {
      matrix: matrix.node,
      matrixLabels: matrix.labels,
      moved: moved.node,
      movedLabels: moved.labels,
    };
    const result = isCandidate(side, node) ? movement(side, node, workshop) : undefined;
    if (result !== undefined) return result;
  }
  return undefined;
}

/** Is one operand a constant all of whose labels belong to the other operand or come out, and is something summed? */
function isCandidate(
  { matrix, matrixLabels, moved, movedLabels }: Side,
  { outLabels }: ContractNode,
): boolean {
  const known = matrixLabels.every((label) => outLabels.includes(label) || movedLabels.includes(label));
  const summed = matrixLabels.some((label) => !outLabels.includes(label));
  const size = sizeOf(matrix.shape);
  return (
    known && summed && matrix.level === "constant" && moved.level === "row" && size > 1 && size <= MOST_CELLS
  );
}

interface Workshop {
  readonly b: Builder;
  readonly known: Map<Node, Selected | undefined>;
}

function selectedIn(matrix: Node, known: Workshop["known"]): Selected | undefined {
  if (!known.has(matrix))
    known.set(matrix, sizeOf(matrix.shape) > MOST_CELLS ? undefined : selectedOf(matrix));
  return known.get(matrix);
}

/** How many operands each node is, and outputs. */
function usersOf(program: Program): Map<Node, number> {
  const users = new Map<Node, number>();
  const used = [...nodesOf(program).flatMap(operandsOf), ...program.outputs.map(({ value }) => value)];
  for (const node of used) users.set(node, (users.get(node) ?? 0) + 1);
  return users;
}

/** The contraction as a movement of cells `from` (labels the operands share) `to` (the matrix's labels that come out). */
function movement(side: Side, { outLabels }: ContractNode, { b, known }: Workshop): Node | undefined {
  const { matrix, matrixLabels, moved, movedLabels } = side;
  const selected = selectedIn(matrix, known);
  const from = matrixLabels.filter((label) => movedLabels.includes(label));
  const to = matrixLabels.filter((label) => outLabels.includes(label));
  const rest = movedLabels.filter((label) => !from.includes(label));
  if (selected === undefined || to.length === 0 || !rest.every((label) => outLabels.includes(label)))
    return undefined;
  const source = b.transpose(
    moved,
    [...from, ...rest].map((label) => movedLabels.indexOf(label)),
  );
  const table = tableOf(selected, side, { from, to });
  const result = picked(b, source, table) ?? placed(b, source, table);
  return (
    result &&
    b.transpose(
      result,
      outLabels.map((label) => [...to, ...rest].indexOf(label)),
    )
  );
}

function tableOf(
  { ones }: Selected,
  { matrix, matrixLabels }: Side,
  labels: { from: readonly number[]; to: readonly number[] },
): Table {
  const axesOf = (own: readonly number[]): number[] => own.map((label) => matrixLabels.indexOf(label));
  const [from, to] = [axesOf(labels.from), axesOf(labels.to)];
  const sizes = (axes: readonly number[]): number[] => axes.map((axis) => at(matrix.shape, axis));
  const pairs = ones.map((cell) => {
    const place = coordinatesOf(cell, matrix.shape);
    const number = (axes: readonly number[]): number =>
      axes.reduce((sum, axis) => sum * at(matrix.shape, axis) + at(place, axis), 0);
    return { from: number(from), to: number(to) };
  });
  return { from: { sizes: sizes(from) }, to: { sizes: sizes(to) }, pairs };
}

/** Which source cell goes to which target cell. */
interface Table {
  readonly from: { readonly sizes: readonly number[] };
  readonly to: { readonly sizes: readonly number[] };
  readonly pairs: readonly { readonly from: number; readonly to: number }[];
}

/** Every target cell has one source: a slice, window or gather along the first axis. */
function picked(b: Builder, source: Node, { from, to, pairs }: Table): Node | undefined {
  const origins = onePer(
    pairs.map((pair) => [pair.to, pair.from] as const),
    sizeOf(to.sizes),
  );
  if (origins === undefined || from.sizes.length !== 1) return undefined;
  const slice = (step: number, count: number): Node =>
    b.part(source, { axis: 0, start: at(origins, 0), step, count });
  const [first, second] = stepsOf(origins, to.sizes) ?? [];
  if (first !== undefined && to.sizes.length === 1 && first !== 0) return slice(first, at(to.sizes, 0));
  if (first !== undefined && second !== undefined && to.sizes.length === 2 && first > 0 && second > 0) {
    const inner = slice(1, reach(to.sizes, [first, second]));
    return b.window(inner, { axis: 0, size: at(to.sizes, 1), stride: first, dilation: second });
  }
  return b.gather(source, b.constant(origins, to.sizes, "int"), 0);
}

/** Every source cell has one target: a pad, unwindow or scatterAdd along the first axes. */
function placed(b: Builder, source: Node, { from, to, pairs }: Table): Node | undefined {
  const targets = onePer(
    pairs.map((pair) => [pair.from, pair.to] as const),
    sizeOf(from.sizes),
  );
  if (targets === undefined) return undefined;
  const rest = source.shape.slice(from.sizes.length);
  const length = sizeOf(to.sizes);
  const pad = (inner: Node, step: number): Node =>
    b.pad(inner, {
      starts: [at(targets, 0), ...rest.map(() => 0)],
      steps: [step, ...rest.map(() => 1)],
      shape: [length, ...rest],
    });
  const [first, second] = stepsOf(targets, from.sizes) ?? [];
  const shaped = (result: Node): Node => b.reshape(result, [...to.sizes, ...rest]);
  if (first !== undefined && from.sizes.length === 1 && first > 0) return shaped(pad(source, first));
  if (first !== undefined && second !== undefined && from.sizes.length === 2 && first > 0 && second > 0) {
    const inner = b.unwindow(source, {
      axis: 0,
      length: reach(from.sizes, [first, second]),
      stride: first,
      dilation: second,
    });
    return shaped(pad(inner, 1));
  }
  const flat = b.reshape(source, [sizeOf(from.sizes), ...rest]);
  return shaped(
    b.scatterAdd(flat, b.constant(targets, [sizeOf(from.sizes)], "int"), { axis: 0, size: length }),
  );
}

const reach = (sizes: readonly number[], steps: readonly number[]): number =>
  sizes.reduce((sum, size, axis) => sum + (size - 1) * at(steps, axis), 1);
