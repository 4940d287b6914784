/** Conv and ConvTranspose: windows and one contraction over channels and window cells. */

import type { Builder } from "../../ir/builder.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { added } from "./arithmetic.ts";
import { unsqueezed } from "./axes.ts";
import { type OperatorTable, row } from "./operator.ts";
import { extended, padded, requireBatchFirst, type Window, windowed, windowsOf } from "./spatial.ts";

/** Labels of contraction axes: sample, group, feature, channel, then places and window cells. */
const [SAMPLE, GROUP, FEATURE, CHANNEL, PLACE, CELL] = [0, 1, 2, 3, 10, 20];

interface Factor {
  readonly node: Node;
  readonly labels: readonly number[];
}

/** A contraction in which axes of one cell take no part; the result has all `out` axes. */
function contracted(b: Builder, factors: readonly [Factor, Factor], out: readonly number[]): Node {
  const sizes = new Map(
    factors.flatMap(({ node, labels }) =>
      labels.map((label, axis) => [label, at(node.shape, axis)] as const),
    ),
  );
  const open = (labels: readonly number[]): number[] => labels.filter((label) => sizes.get(label) !== 1);
  const [x, y] = factors.map(({ node, labels }) =>
    b.reshape(
      node,
      open(labels).map((label) => sizes.get(label) as number),
    ),
  ) as [Node, Node];
  const product = b.contract(x, y, {
    a: open(factors[0].labels),
    b: open(factors[1].labels),
    out: open(out),
  });
  return b.reshape(
    product,
    out.map((label) => sizes.get(label) as number),
  );
}

function weights(call: Call): Value {
  const w = call.input(1);
  if (w.layout.batch !== undefined) call.mixes("its weights carry the batch");
  return w;
}

/** (N, C, …S) ⋆ (M, C/g, …k) + bias. */
function convolution(call: Call): Value {
  const [x, w] = [call.input(0), weights(call)];
  requireBatchFirst(call, x);
  const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
  const [features, each, ...kernel] = w.layout.sizes as [number, number, ...number[]];
  const groups = call.int("group", 1);
  if (kernel.length !== spatial.length || each * groups !== channels || features % groups !== 0)
    call.malformed("its weights do not fit its input.");
  const windows = windowsOf(call, spatial, kernel);
  const places = range(windows.length).map((k) => PLACE + k);
  const cells = range(windows.length).map((k) => CELL + k);
  const grouped = call.b.reshape(full(call.b, x), [samples, groups, each, ...spatial]);
  const input = windowed(call.b, padded(call.b, grouped, { first: 3, windows, fill: 0 }), {
    first: 3,
    windows,
  });
  const kernels = call.b.reshape(full(call.b, w), [groups, features / groups, each, ...kernel]);
  const y = contracted(
    call.b,
    [
      {
        node: input,
        labels: [SAMPLE, GROUP, CHANNEL, ...places.flatMap((place, k) => [place, at(cells, k)])],
      },
      { node: kernels, labels: [GROUP, FEATURE, CHANNEL, ...cells] },
    ],
    [SAMPLE, GROUP, FEATURE, ...places],
  );
  return biased(
    call,
    call.value(y, layout([samples, features, ...windows.map(({ count }) => count)], x.layout.batch)),
  );
}

/** Adds the bias of each feature, if there is one. */
function biased(call: Call, y: Value): Value {
  const bias = call.inputs[2];
  return bias === undefined
    ? y
    : added(
        call,
        y,
        unsqueezed(
          call,
          bias,
          range(y.rank - 2).map((k) => k + 1),
        ),
      );
}

/** Conv's transpose: every cell spreads a window, and windows overlap and add. */
function transposedConvolution(call: Call): Value {
  const [x, w] = [call.input(0), weights(call)];
  requireBatchFirst(call, x);
  const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
  const [inputs, features, ...kernel] = w.layout.sizes as [number, number, ...number[]];
  const groups = call.int("group", 1);
  if (kernel.length !== spatial.length || inputs !== channels || channels % groups !== 0)
    call.malformed("its weights do not fit its input.");
  const places = range(spatial.length).map((k) => PLACE + k);
  const cells = range(spatial.length).map((k) => CELL + k);
  const spread = contracted(
    call.b,
    [
      {
        node: call.b.reshape(full(call.b, x), [samples, groups, channels / groups, ...spatial]),
        labels: [SAMPLE, GROUP, CHANNEL, ...places],
      },
      {
        node: call.b.reshape(full(call.b, w), [groups, channels / groups, features, ...kernel]),
        labels: [GROUP, CHANNEL, FEATURE, ...cells],
      },
    ],
    [SAMPLE, GROUP, FEATURE, ...places.flatMap((place, k) => [place, at(cells, k)])],
  );
  const targets = spatial.map((length, k) =>
    target(call, { length, size: at(kernel, k), k }, spatial.length),
  );
  const joined = overlapped(call, spread, { first: 3, targets });
  return biased(
    call,
    call.value(joined, layout([samples, features * groups, ...joined.shape.slice(3)], x.layout.batch)),
  );
}

interface Target extends Pick<Window, "stride" | "dilation" | "before"> {
  readonly reach: number;
  readonly length: number;
}

/** Stride, dilation, crop and length of the result along spatial axis k. */
function target(
  call: Call,
  { length, size, k }: { length: number; size: number; k: number },
  rank: number,
): Target {
  const one = (name: string, otherwise: number): number => call.ints(name)?.[k] ?? otherwise;
  const [stride, dilation, extra] = [one("strides", 1), one("dilations", 1), one("output_padding", 0)];
  const reach = (length - 1) * stride + (size - 1) * dilation + 1;
  const mode = call.text("auto_pad", "NOTSET");
  const wanted =
    call.ints("output_shape")?.at(k - rank) ?? (mode.startsWith("SAME") ? length * stride : undefined);
  const pads = call.ints("pads") ?? [];
  if (wanted === undefined) {
    const before = pads[k] ?? 0;
    return { stride, dilation, before, reach, length: reach + extra - before - (pads[k + rank] ?? 0) };
  }
  const total = Math.max(0, reach + extra - wanted);
  const half = Math.floor(total / 2);
  return { stride, dilation, before: mode === "SAME_UPPER" ? half : total - half, reach, length: wanted };
}

/** Joins each (place, cell) from axis `first` on into one axis and crops it; a result longer than windows reach ends in zeros. */
function overlapped(
  call: Call,
  node: Node,
  { first, targets }: { first: number; targets: readonly Target[] },
): Node {
  const joined = targets.reduce(
    (all, { stride, dilation, reach }, k) =>
      call.b.unwindow(all, { axis: first + k, length: reach, stride, dilation }),
    node,
  );
  return targets.reduce((all, own, k) => cropped(call, all, { ...own, axis: first + k }), joined);
}

function cropped(call: Call, node: Node, { axis, before, reach, length }: Target & { axis: number }): Node {
  const { b } = call;
  if (length < 0 || before < 0) call.malformed("its padding is larger than its result.");
  const after = Math.max(0, before + length - reach);
  const enough = extended(b, node, { axis, before: 0, after, fill: 0 });
  return b.part(enough, { axis, start: before, count: length });
}

/** Columns (N, C · cells of a block, places) as an image whose blocks overlap and add. */
function columnsToImage(call: Call): Value {
  const x = call.input(0);
  requireBatchFirst(call, x);
  const [image, block] = [call.numbers(1, "image shape"), call.numbers(2, "block shape")];
  const one = (name: string, k: number, otherwise: number): number => call.ints(name)?.[k] ?? otherwise;
  const targets = image.map((length, k): Target & { count: number } => {
    const [stride, dilation] = [one("strides", k, 1), one("dilations", k, 1)];
    const [before, after] = [one("pads", k, 0), one("pads", k + image.length, 0)];
    const span = dilation * (at(block, k) - 1) + 1;
    const count = Math.floor((length + before + after - span) / stride) + 1;
    return { stride, dilation, before, reach: (count - 1) * stride + span, length, count };
  });
  const [samples, columns] = x.layout.sizes as [number, number, number];
  const channels = columns / sizeOf(block);
  const counts = targets.map(({ count }) => count);
  if (x.rank !== 3 || !Number.isInteger(channels) || sizeOf(counts) !== x.layout.sizes[2])
    call.malformed("its columns do not fit its image.");
  const split = call.b.reshape(full(call.b, x), [samples, channels, ...block, ...counts]);
  const pairs = range(image.length).flatMap((k) => [2 + image.length + k, 2 + k]);
  const joined = overlapped(call, call.b.transpose(split, [0, 1, ...pairs]), { first: 2, targets });
  return call.value(joined, layout(joined.shape, x.layout.batch), x.dtype);
}

/** Convolutions by name. */
export const convolutions: OperatorTable = {
  Col2Im: row(18, columnsToImage),
  Conv: row(1, convolution),
  ConvTranspose: row(1, transposedConvolution),
};
