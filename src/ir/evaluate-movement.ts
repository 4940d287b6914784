/**
 * Evaluation of ops that move cells: each is a strided view of its operand (transpose, broadcast, slice, window)
 * or of its result (pad, concat, unwindow), or a walk along an index (gather, scatterAdd).
 */

import { UsageError } from "../errors.ts";
import { at, sizeOf, stridesOf } from "./shape.ts";
import { addToView, readView, type Tensor, type View, wholeView, writeView } from "./tensor.ts";
import type {
  BroadcastNode,
  ConcatNode,
  GatherNode,
  IotaNode,
  PadNode,
  ReshapeNode,
  ScatterAddNode,
  Shape,
  SliceNode,
  TransposeNode,
  UnwindowNode,
  WindowNode,
} from "./types.ts";

type Operands = readonly Tensor[];

/** 0, 1, 2, … along the axis. */
export function evaluateIota(node: IotaNode): Tensor {
  const inner = at(stridesOf(node.shape), node.axis);
  const size = at(node.shape, node.axis);
  return {
    data: new Float64Array(sizeOf(node.shape)).map((_, i) => Math.floor(i / inner) % size),
    shape: node.shape,
  };
}

/** Same cells, same order. */
export function evaluateReshape(node: ReshapeNode, operands: Operands): Tensor {
  return { data: at(operands, 0).data, shape: node.shape };
}

/** Permuted strides. */
export function evaluateTranspose(node: TransposeNode, operands: Operands): Tensor {
  const strides = stridesOf(at(operands, 0).shape);
  return read(operands, {
    shape: node.shape,
    strides: node.order.map((axis) => at(strides, axis)),
    offset: 0,
  });
}

/** Strides of the operand's axes, 0 where they repeat. */
export function evaluateBroadcast(node: BroadcastNode, operands: Operands): Tensor {
  const { shape } = at(operands, 0);
  const own = stridesOf(shape);
  const missing = node.shape.length - shape.length;
  const strides = node.shape.map((_, axis) =>
    (shape[axis - missing] ?? 1) === 1 ? 0 : at(own, axis - missing),
  );
  return read(operands, { shape: node.shape, strides, offset: 0 });
}

/** The view of a slice of a value of shape `whole`. */
function sliceView(
  whole: Shape,
  part: Shape,
  { starts, steps }: { starts: readonly number[]; steps: readonly number[] },
): View {
  const strides = stridesOf(whole);
  const offset = starts.reduce((sum, start, axis) => sum + start * at(strides, axis), 0);
  return { shape: part, strides: strides.map((stride, axis) => stride * at(steps, axis)), offset };
}

/** Cells starts + i·steps. */
export function evaluateSlice(node: SliceNode, operands: Operands): Tensor {
  return read(operands, sliceView(at(operands, 0).shape, node.shape, node));
}

/** Zeros, with the operand at starts + i·steps. */
export function evaluatePad(node: PadNode, operands: Operands): Tensor {
  const a = at(operands, 0);
  const data = new Float64Array(sizeOf(node.shape));
  writeView(data, sliceView(node.shape, a.shape, node), a.data);
  return { data, shape: node.shape };
}

/** Each part behind the one before, along the axis. */
export function evaluateConcat(node: ConcatNode, operands: Operands): Tensor {
  const data = new Float64Array(sizeOf(node.shape));
  const { strides } = wholeView(node.shape);
  let start = 0;
  for (const part of operands) {
    writeView(data, { shape: part.shape, strides, offset: start * at(strides, node.axis) }, part.data);
    start += at(part.shape, node.axis);
  }
  return { data, shape: node.shape };
}

/** Overlapping windows: axis strides s become (s·stride, s·dilation). */
function windowStrides(whole: Shape, { axis, stride, dilation }: WindowNode | UnwindowNode): number[] {
  return stridesOf(whole).flatMap((s, index) => (index === axis ? [s * stride, s * dilation] : [s]));
}

/** out[i, k] = a[i·stride + k·dilation]. */
export function evaluateWindow(node: WindowNode, operands: Operands): Tensor {
  return read(operands, {
    shape: node.shape,
    strides: windowStrides(at(operands, 0).shape, node),
    offset: 0,
  });
}

/** out[i·stride + k·dilation] += a[i, k]. */
export function evaluateUnwindow(node: UnwindowNode, operands: Operands): Tensor {
  const a = at(operands, 0);
  const data = new Float64Array(sizeOf(node.shape));
  addToView(data, { shape: a.shape, strides: windowStrides(node.shape, node), offset: 0 }, a.data);
  return { data, shape: node.shape };
}

/** Calls `visit(whole, part)` with offsets of runs of `inner` cells that belong together. */
function forEachIndexed(
  { whole, axis, indices }: { whole: Shape; axis: number; indices: Float64Array },
  visit: (whole: number, part: number, inner: number) => void,
): void {
  const size = at(whole, axis);
  const inner = sizeOf(whole.slice(axis + 1));
  const outer = sizeOf(whole.slice(0, axis));
  const wild = indices.find((index) => !(index >= 0 && index < size));
  if (wild !== undefined) throw new UsageError("JR202", `index ${wild} lies outside an axis of size ${size}`);
  for (let o = 0; o < outer; o++) {
    indices.forEach((index, i) => visit((o * size + index) * inner, (o * indices.length + i) * inner, inner));
  }
}

/** The cells at the indices. */
export function evaluateGather(node: GatherNode, operands: Operands): Tensor {
  const [a, indices] = [at(operands, 0), at(operands, 1)];
  const data = new Float64Array(sizeOf(node.shape));
  forEachIndexed({ whole: a.shape, axis: node.axis, indices: indices.data }, (from, to, count) => {
    data.set(a.data.subarray(from, from + count), to);
  });
  return { data, shape: node.shape };
}

/** Zeros, each cell added at its index. */
export function evaluateScatterAdd(node: ScatterAddNode, operands: Operands): Tensor {
  const [a, indices] = [at(operands, 0), at(operands, 1)];
  const data = new Float64Array(sizeOf(node.shape));
  forEachIndexed({ whole: node.shape, axis: node.axis, indices: indices.data }, (to, from, count) => {
    for (let i = 0; i < count; i++) data[to + i] = (data[to + i] as number) + (a.data[from + i] as number);
  });
  return { data, shape: node.shape };
}

function read(operands: Operands, view: View): Tensor {
  return { data: readView(at(operands, 0).data, view), shape: view.shape };
}
