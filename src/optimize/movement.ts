/**
 * Rules for ops that move cells: moves of moves become one move, moves that a plainer op can do become that op.
 *
 * Every rule gives the same bits. Plainer means: reshape before broadcast and transpose, slice before gather.
 */

import { uniformValue } from "../ir/identities.ts";
import { at, broadcastsTo, range, sameShape, sizeOf } from "../ir/shape.ts";
import type {
  BroadcastNode,
  ConcatNode,
  ConstantNode,
  GatherNode,
  Node,
  PadNode,
  ReshapeNode,
  ScatterAddNode,
  Shape,
  SliceNode,
  TransposeNode,
} from "../ir/types.ts";
import { diagonalRule } from "./diagonal.ts";
import type { RuleContext } from "./rewrite.ts";

type Move<N> = (node: N, context: RuleContext) => Node | undefined;

/** A transpose that keeps the order of all axes longer than one is a reshape; a contraction may give any order. */
export const transposeRule: Move<TransposeNode> = ({ a, order, shape }, { builder, readOnce }) => {
  if (a.op === "contract" && readOnce(a)) {
    const out = order.map((axis) => at(a.outLabels, axis));
    return builder.contract(a.a, a.b, { a: a.aLabels, b: a.bLabels, out });
  }
  const long = order.filter((axis) => a.shape[axis] !== 1);
  return long.every((axis, index) => index === 0 || axis > at(long, index - 1))
    ? builder.reshape(a, shape)
    : undefined;
};

/** A broadcast that repeats nothing is a reshape; size-one axes put in front of a broadcast are no news to it. */
export const broadcastRule: Move<BroadcastNode> = ({ a, shape }, { builder }) => {
  if (sizeOf(a.shape) === sizeOf(shape)) return builder.reshape(a, shape);
  if (a.op !== "reshape" || a.shape.length < a.a.shape.length) return undefined;
  const added = a.shape.length - a.a.shape.length;
  const plain =
    sameShape(a.shape.slice(added), a.a.shape) && a.shape.slice(0, added).every((size) => size === 1);
  return plain && broadcastsTo(a.a.shape, shape) ? builder.broadcast(a.a, shape) : undefined;
};

/** A single cell, repeated, is the same under any shape. */
export const reshapeRule: Move<ReshapeNode> = ({ a, shape }, { builder }) =>
  a.op === "broadcast" && sizeOf(a.a.shape) === 1
    ? builder.broadcast(builder.reshape(a.a, []), shape)
    : undefined;

/** Slices of slices, concats, pads and broadcasts. */
export const sliceRule: Move<SliceNode> = (node, context) => {
  const { a } = node;
  if (a.op === "slice") return sliceOfSlice(node, a, context);
  if (a.op === "concat") return sliceOfConcat(node, a, context);
  if (a.op === "pad") return sliceOfPad(node, a, context);
  return a.op === "broadcast" ? sliceOfBroadcast(node, a, context) : diagonalRule(node, context);
};

function sliceOfSlice({ starts, steps, shape }: SliceNode, inner: SliceNode, { builder }: RuleContext): Node {
  return builder.slice(inner.a, {
    starts: starts.map((start, axis) => at(inner.starts, axis) + start * at(inner.steps, axis)),
    steps: steps.map((step, axis) => step * at(inner.steps, axis)),
    shape,
  });
}

/** First and last cell that a slice reads along an axis. */
function reach({ starts, steps, shape }: SliceNode, axis: number): [number, number] {
  const [first, last] = [at(starts, axis), at(starts, axis) + (at(shape, axis) - 1) * at(steps, axis)];
  return first < last ? [first, last] : [last, first];
}

/** Only one part is read. */
function sliceOfConcat(
  node: SliceNode,
  { parts, axis }: ConcatNode,
  { builder }: RuleContext,
): Node | undefined {
  if (sizeOf(node.shape) === 0) return undefined;
  const [low, high] = reach(node, axis);
  let start = 0;
  for (const part of parts) {
    const end = start + at(part.shape, axis);
    if (low >= start && high < end) {
      return builder.slice(part, { ...node, starts: node.starts.with(axis, at(node.starts, axis) - start) });
    }
    start = end;
  }
  return undefined;
}

/** Only the padded value or only zeros are read. */
function sliceOfPad(node: SliceNode, pad: PadNode, { builder }: RuleContext): Node | undefined {
  if (sizeOf(node.shape) === 0 || pad.steps.some((step) => step !== 1)) return undefined;
  const places = range(node.shape.length).map((axis) => {
    const [low, high] = reach(node, axis);
    const [start, end] = [at(pad.starts, axis), at(pad.starts, axis) + at(pad.a.shape, axis)];
    return low >= start && high < end ? "inside" : high < start || low >= end ? "outside" : "both";
  });
  if (places.includes("outside")) return builder.constant(0, node.shape, node.cell);
  if (places.includes("both")) return undefined;
  return builder.slice(pad.a, {
    ...node,
    starts: node.starts.map((start, axis) => start - at(pad.starts, axis)),
  });
}

/** Repeated axes are repeated fewer times; the others are sliced before they are repeated. */
function sliceOfBroadcast(node: SliceNode, { a }: BroadcastNode, { builder }: RuleContext): Node {
  const missing = node.shape.length - a.shape.length;
  const repeated = (axis: number): boolean => a.shape[axis] === 1;
  const own = (list: readonly number[], plain: number): number[] =>
    a.shape.map((_, axis) => (repeated(axis) ? plain : at(list, axis + missing)));
  const part = builder.slice(a, {
    starts: own(node.starts, 0),
    steps: own(node.steps, 1),
    shape: own(node.shape, 1),
  });
  return builder.broadcast(part, node.shape);
}

/** Pads of pads and of zeros. */
export const padRule: Move<PadNode> = ({ a, starts, steps, shape, cell }, { builder }) => {
  if (uniformValue(a) === 0) return builder.constant(0, shape, cell);
  if (a.op !== "pad") return undefined;
  return builder.pad(a.a, {
    starts: starts.map((start, axis) => start + at(a.starts, axis) * at(steps, axis)),
    steps: steps.map((step, axis) => step * at(a.steps, axis)),
    shape,
  });
};

/** Concats of concats, of equal constants, of neighbouring slices, of nothing. */
export const concatRule: Move<ConcatNode> = ({ parts, axis, shape, cell }, { builder }) => {
  const flat = parts.flatMap((part) => (part.op === "concat" && part.axis === axis ? part.parts : [part]));
  const filled = flat.filter((part) => at(part.shape, axis) > 0);
  const kept = filled.length === 0 ? flat.slice(0, 1) : filled;
  const same = kept.length === parts.length && kept.every((part, index) => part === parts[index]);
  if (!same) return builder.concat(kept, axis);
  const value = uniformValue(at(parts, 0));
  if (value !== undefined && parts.every((part) => Object.is(uniformValue(part), value)))
    return builder.constant(value, shape, cell);
  const joined = joinSlices(parts, axis);
  return joined === undefined ? undefined : builder.slice(joined.a, joined);
};

/** One slice in place of slices of one value that continue each other along the axis. */
function joinSlices(
  parts: readonly Node[],
  axis: number,
): (Pick<SliceNode, "a" | "starts" | "steps"> & { shape: Shape }) | undefined {
  const first = parts[0];
  if (first?.op !== "slice") return undefined;
  const step = stepOf(parts, axis);
  let next = at(first.starts, axis);
  for (const part of parts) {
    if (part.op !== "slice" || part.a !== first.a || at(part.starts, axis) !== next) return undefined;
    if (at(part.shape, axis) > 1 && at(part.steps, axis) !== step) return undefined;
    const fits = range(part.shape.length).every(
      (other) =>
        other === axis ||
        (part.starts[other] === first.starts[other] && part.steps[other] === first.steps[other]),
    );
    if (!fits) return undefined;
    next += step * at(part.shape, axis);
  }
  const total = parts.reduce((sum, part) => sum + at(part.shape, axis), 0);
  return {
    a: first.a,
    starts: first.starts,
    steps: first.steps.with(axis, step),
    shape: first.shape.with(axis, total),
  };
}

/** The step that slices of one cell each make together, or the first part's own. */
function stepOf(parts: readonly Node[], axis: number): number {
  const [first, second] = parts;
  if (first?.op !== "slice" || second?.op !== "slice") return 1;
  if (at(first.shape, axis) > 1) return at(first.steps, axis);
  return at(second.starts, axis) - at(first.starts, axis) || 1;
}

/** Start and step of constant indices that form a line, if they do. */
function lineOf(indices: Node): { start: number; step: number; count: number } | undefined {
  if (indices.op !== "constant" || indices.shape.length > 1 || sizeOf(indices.shape) === 0) return undefined;
  const numbers = numbersOf(indices);
  const step = numbers.length > 1 ? at(numbers, 1) - at(numbers, 0) : 1;
  const line = numbers.every((index, i) => index === at(numbers, 0) + i * step);
  return line && step !== 0 ? { start: at(numbers, 0), step, count: numbers.length } : undefined;
}

function numbersOf({ values, shape }: ConstantNode): number[] {
  return range(sizeOf(shape)).map((index) => (values.length === 1 ? values[0] : values[index]) as number);
}

/** Constant indices in a line: a slice. */
export const gatherRule: Move<GatherNode> = ({ a, indices, axis, shape }, { builder }) => {
  const line = lineOf(indices);
  const size = at(a.shape, axis);
  const inside =
    line !== undefined &&
    [line.start, line.start + (line.count - 1) * line.step].every((index) => index >= 0 && index < size);
  if (!inside) return undefined;
  return builder.reshape(builder.part(a, { ...line, axis }), shape);
};

/** Constant indices in a line: a pad. */
export const scatterAddRule: Move<ScatterAddNode> = ({ a, indices, axis, shape }, { builder }) => {
  const line = lineOf(indices);
  const size = at(shape, axis);
  const inside =
    line !== undefined &&
    [line.start, line.start + (line.count - 1) * line.step].every((index) => index >= 0 && index < size);
  if (!inside) return undefined;
  return builder.pad(builder.reshape(a, shape.with(axis, line.count)), {
    starts: shape.map((_, index) => (index === axis ? line.start : 0)),
    steps: shape.map((_, index) => (index === axis ? line.step : 1)),
    shape,
  });
};
