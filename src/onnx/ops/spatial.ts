/**
 * What convolutions and pools share: the window along each spatial axis, with its padding.
 *
 * Layout is (N, C, …spatial). The batch may be N, or N may hold it merged with other axes; no other axis may.
 */

import type { Builder } from "../../ir/builder.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import type { Value } from "../value.ts";

/** The window along one spatial axis. */
export interface Window {
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Cells of padding before and after. */
  readonly before: number;
  readonly after: number;
  /** How many windows there are. */
  readonly count: number;
}

/** Refuses a batch on a channel or spatial axis. */
export function requireBatchFirst(call: Call, { layout: { batch } }: Value): void {
  if (batch !== undefined && batch.axis !== 0)
    call.mixes(`axis ${batch.axis} is the batch, and it works across that axis`);
}

/** The windows of a call from its attributes; `kernel` gives their sizes. */
export function windowsOf(call: Call, spatial: readonly number[], kernel: readonly number[]): Window[] {
  const strides = call.ints("strides") ?? spatial.map(() => 1);
  const dilations = call.ints("dilations") ?? spatial.map(() => 1);
  const pads = call.ints("pads") ?? spatial.flatMap(() => [0, 0]);
  if (
    [kernel, strides, dilations].some(
      (list) => list.length !== spatial.length || !list.every((n) => n > 0),
    ) ||
    pads.length !== 2 * spatial.length ||
    pads.some((pad) => pad < 0)
  ) {
    call.malformed("its window does not fit its input's axes.");
  }
  return spatial.map((length, k) => {
    const [size, stride, dilation] = [at(kernel, k), at(strides, k), at(dilations, k)];
    const [before, after] = padding(call, { length, reach: (size - 1) * dilation + 1, stride }, [
      at(pads, k),
      at(pads, k + spatial.length),
    ]);
    return {
      size,
      stride,
      dilation,
      ...counted(call, { length, reach: (size - 1) * dilation + 1, stride, before, after }),
    };
  });
}

const MOST_WINDOWS = 2 ** 20;

interface Span {
  readonly length: number;
  /** Cells from a window's first to its last. */
  readonly reach: number;
  readonly stride: number;
}

function padding(call: Call, { length, reach, stride }: Span, given: [number, number]): [number, number] {
  const mode = call.text("auto_pad", "NOTSET");
  if (mode === "NOTSET") return given;
  if (mode === "VALID") return [0, 0];
  const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + reach - length);
  const half = Math.floor(total / 2);
  return mode === "SAME_LOWER" ? [total - half, half] : [half, total - half];
}

/** Counts windows; with `ceil_mode` the last may reach beyond, if it starts before the padding at the end. */
function counted(
  call: Call,
  span: Span & { before: number; after: number },
): Pick<Window, "before" | "after" | "count"> {
  const { length, reach, stride, before } = span;
  const room = length + before + span.after - reach;
  if (room < 0) call.malformed("its window is larger than its padded input.");
  let count = Math.floor(room / stride) + 1;
  if (call.int("ceil_mode", 0) === 1) {
    count = Math.ceil(room / stride) + 1;
    if ((count - 1) * stride >= length + before) count--;
  }
  if (count > MOST_WINDOWS) call.unsupported(`it asks for ${count} windows along one axis.`);
  return { before, after: Math.max(span.after, (count - 1) * stride + reach - length - before), count };
}

/** The node with `fill` around the axes from `first` on. */
export function padded(
  b: Builder,
  x: Node,
  { first, windows, fill }: { first: number; windows: readonly Window[]; fill: number },
): Node {
  return windows.reduce(
    (node, { before, after }, k) => extended(b, node, { axis: first + k, before, after, fill }),
    x,
  );
}

/** The node with `fill` before and after along one axis. */
export function extended(
  b: Builder,
  node: Node,
  { axis, before, after, fill }: { axis: number; before: number; after: number; fill: number },
): Node {
  if (before === 0 && after === 0) return node;
  const only = (inside: number, others: number): number[] =>
    node.shape.map((_, index) => (index === axis ? inside : others));
  const shape = node.shape.map((size, index) => (index === axis ? size + before + after : size));
  if (fill === 0) return b.pad(node, { starts: only(before, 0), steps: only(1, 1), shape });
  const edge = (count: number): Node[] =>
    count === 0
      ? []
      : [
          b.constant(
            fill,
            node.shape.map((size, index) => (index === axis ? count : size)),
            node.cell,
          ),
        ];
  return b.concat([...edge(before), node, ...edge(after)], axis);
}

/** Every spatial axis (from `first` on) as two, (count, size). */
export function windowed(
  b: Builder,
  x: Node,
  { first, windows }: { first: number; windows: readonly Window[] },
): Node {
  return windows.reduce((node, { size, stride, dilation, count }, k) => {
    const axis = first + 2 * k;
    const made = b.window(node, { axis, size, stride, dilation });
    return b.part(made, { axis, start: 0, count });
  }, x);
}

/** Windows as the last axis: (…, counts, cells of a window). */
export function windowsLast(
  b: Builder,
  x: Node,
  { first, windows }: { first: number; windows: readonly Window[] },
): Node {
  const spread = windowed(b, x, { first, windows });
  const counts = windows.map((_, k) => first + 2 * k);
  const sizes = counts.map((axis) => axis + 1);
  const order = [...range(first), ...counts, ...sizes];
  return b.reshape(b.transpose(spread, order), [
    ...x.shape.slice(0, first),
    ...windows.map(({ count }) => count),
    sizeOf(windows.map(({ size }) => size)),
  ]);
}
