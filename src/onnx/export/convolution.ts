/**
 * Contractions over windows as Conv, and sums of overlapping windows as ConvTranspose.
 *
 * A runtime runs these operators many times faster than the gathers and products they consist of. Axes that only the
 * rows' operand has are joined with the batch. Always: in float32 only (ONNX Runtime has no others on a processor), and
 * weights are never a row's. Axes have labels; those of one cell have none, and spatial ones have negative labels.
 */

import { uniformValue } from "../../ir/identities.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { ContractNode, Node, Shape, UnwindowNode } from "../../ir/types.ts";
import type { Emitted, Emitter } from "./emitter.ts";
import { padded } from "./movement.ts";
import {
  type Overlap,
  type OverlapMatrix,
  overlappedCore,
  overlapSpacing,
  type Spacing,
  underMatrix,
  windowedBase,
} from "./windows.ts";
import type { Attribute } from "./writer.ts";

type Labels = readonly number[];

/** A tensor without axes of one cell (but spatial ones), and a label for each axis. */
interface Side {
  readonly value: Emitted;
  readonly labels: Labels;
}

/** Labels of the operands by the part they play. */
interface Parts {
  /** In the rows' operand and the result: joined with the batch. */
  readonly outer: Labels;
  /** In both operands and the result. */
  readonly groups: Labels;
  /** In both operands, summed. */
  readonly channels: Labels;
  /** In the weights and the result. */
  readonly features: Labels;
}

const MOST_SPATIAL = 3;
const without = (labels: Labels, others: Labels): number[] =>
  labels.filter((label) => !others.includes(label));
const common = (labels: Labels, others: Labels): number[] => labels.filter((label) => others.includes(label));
const spatial = (index: number): number => -1 - index;
const sizeIn = ({ value, labels }: Side, wanted: Labels): number =>
  sizeOf(wanted.map((label) => at(value.shape, labels.indexOf(label))));

/** Sorts labels that are neither places nor cells; undefined where one is summed over one operand alone. */
function partsOf(data: Labels, weights: Labels, out: Labels): Parts | undefined {
  if (without(data, [...out, ...weights]).length > 0 || without(weights, [...out, ...data]).length > 0)
    return undefined;
  const shared = common(data, weights);
  return {
    outer: without(data, weights),
    groups: common(shared, out),
    channels: without(shared, out),
    features: without(weights, data),
  };
}

/** A node without its axes of one cell; spatial ones stay. */
function open(e: Emitter, node: Node, labels: Labels): Side {
  const kept = range(node.shape.length).filter((axis) => at(node.shape, axis) !== 1 || at(labels, axis) < 0);
  const shape = kept.map((axis) => at(node.shape, axis));
  return { value: e.reshape(e.of(node), shape), labels: kept.map((axis) => at(labels, axis)) };
}

/** The operand with its axes in groups, each one axis; `outer` axes go into the batch. */
function arranged(
  e: Emitter,
  side: Side,
  { outer, groups }: { outer: Labels; groups: readonly Labels[] },
): Emitted {
  const ordered = e.transpose(
    side.value,
    [...outer, ...groups.flat()].map((label) => side.labels.indexOf(label)),
  );
  const shape = groups.map((labels) => sizeIn(side, labels));
  if (outer.length === 0) return e.reshape(ordered, shape);
  const rows = e.writer.node("Mul", [e.rowCount(), e.writer.ints([sizeIn(side, outer)])]);
  return withBatch(e, ordered, { rows, shape });
}

/** A reshape that changes the batch. */
function withBatch(e: Emitter, x: Emitted, { rows, shape }: { rows: string; shape: Shape }): Emitted {
  const target = e.writer.node("Concat", [rows, e.writer.ints(shape)], { axis: 0 });
  return e.make("Reshape", [x, target], { ...x, shape });
}

/** What became of a result's axes. */
interface Restoration {
  /** Sizes that were joined with the batch. */
  readonly outer: Shape;
  /** Sizes of the other axes. */
  readonly sizes: Shape;
  /** Labels of all of them. */
  readonly made: Labels;
  /** The labels in the node's order, and its shape. */
  readonly order: Labels;
  readonly shape: Shape;
}

/** Undoes `arranged` for the result: its axes are named, ordered, and given the node's shape. */
function restored(e: Emitter, y: Emitted, { outer, made, sizes, order, shape }: Restoration): Emitted {
  const whole = [...outer, ...sizes];
  const split =
    outer.length === 0 ? e.reshape(y, sizes) : withBatch(e, y, { rows: e.rowCount(), shape: whole });
  const ordered = e.transpose(
    split,
    order.map((label) => made.indexOf(label)),
  );
  return e.reshape(ordered, shape);
}

/** Attributes that Conv and ConvTranspose share. */
function geometry(
  windows: readonly (Spacing & { readonly size: number })[],
  group: number,
): Readonly<Record<string, Attribute>> {
  return {
    group,
    kernel_shape: windows.map(({ size }) => size),
    strides: windows.map(({ stride }) => stride),
    dilations: windows.map(({ dilation }) => dilation),
  };
}

/** A contraction of a row's windows with weights, as Conv. */
export function emitConvolution(e: Emitter, node: ContractNode): Emitted | undefined {
  if (e.writer.width !== "f32" || node.level !== "row") return undefined;
  const { a, b, aLabels, bLabels } = node;
  return (
    convolved(e, node, { data: a, labels: aLabels, weights: b, own: bLabels }) ??
    convolved(e, node, { data: b, labels: bLabels, weights: a, own: aLabels })
  );
}

interface Operands {
  readonly data: Node;
  readonly labels: Labels;
  readonly weights: Node;
  readonly own: Labels;
}

function convolved(
  e: Emitter,
  node: ContractNode,
  { data, labels, weights, own }: Operands,
): Emitted | undefined {
  if (data.level !== "row" || weights.level === "row") return undefined;
  const { base, roles, windows } = windowedBase(data);
  if (windows.size === 0 || windows.size > MOST_SPATIAL) return undefined;
  const axes = [...windows.keys()].sort((x, y) => x - y);
  const labelOf = (axis: number, part: string): Labels => {
    const place = roles.findIndex((role) => role.axis === axis && role.part === part);
    return place < 0 || at(data.shape, place) === 1 ? [] : [at(labels, place)];
  };
  const places = axes.map((axis) => labelOf(axis, "place"));
  const cells = axes.map((axis) => labelOf(axis, "cell"));
  const { outLabels: out } = node;
  if (common([...places.flat(), ...out], cells.flat()).length > 0) return undefined;
  if (without(places.flat(), out).length > 0 || common(places.flat(), own).length > 0) return undefined;
  const baseLabels = base.shape.map((_, axis) =>
    windows.has(axis) ? spatial(axes.indexOf(axis)) : (labelOf(axis, "whole")[0] ?? 0),
  );
  const x = open(e, base, baseLabels);
  const kernel = open(e, weights, own);
  const whole = x.labels.filter((label) => label >= 0);
  const parts = partsOf(whole, without(kernel.labels, cells.flat()), out);
  if (parts === undefined || without(cells.flat(), kernel.labels).length > 0) return undefined;
  const { outer, groups, channels, features } = parts;
  const list = axes.map((axis) => windows.get(axis) as Spacing & { count: number; size: number });
  const image = arranged(e, x, {
    outer,
    groups: [[...groups, ...channels], ...axes.map((_, k) => [spatial(k)])],
  });
  const filters = arranged(e, kernel, { outer: [], groups: [[...groups, ...features], channels, ...cells] });
  const made = [...groups, ...features];
  const y = e.make("Conv", [image, filters], {
    ...image,
    shape: [sizeIn(kernel, made), ...list.map(({ count }) => count)],
    attributes: geometry(list, sizeIn(kernel, groups)),
  });
  return restored(e, y, {
    made: [...outer, ...made, ...places.flat()],
    outer: outer.map((label) => sizeIn(x, [label])),
    sizes: [
      ...made.map((label) => sizeIn(kernel, [label])),
      ...list.flatMap(({ count }) => (count === 1 ? [] : [count])),
    ],
    order: out.filter((_, axis) => at(node.shape, axis) !== 1),
    shape: node.shape,
  });
}

/** Windows of a contraction with weights, added up, as ConvTranspose. */
export function emitOverlap(e: Emitter, node: ContractNode | UnwindowNode): Emitted | undefined {
  if (e.writer.width !== "f32" || node.level !== "row") return undefined;
  const matrix = matrixOf(e);
  const found = overlappedCore(node, matrix);
  if (found === undefined) return node.op === "contract" ? sideBySide(e, node, matrix) : undefined;
  const { a, b, aLabels, bLabels } = found.core;
  const operands = [
    { data: a, labels: aLabels, weights: b, own: bLabels },
    { data: b, labels: bLabels, weights: a, own: aLabels },
  ];
  for (const each of operands) {
    const split = distributed(e, each);
    const y = split && overlapped(e, node, { ...found, ...split });
    if (y !== undefined) return y;
  }
  return node.op === "contract" ? sideBySide(e, node, matrix) : undefined;
}

/** Windows that do not overlap, joined to one axis: what a product with the matrix of zeros and ones comes to. */
function sideBySide(e: Emitter, node: ContractNode, matrix: OverlapMatrix): Emitted | undefined {
  const step = underMatrix(node, matrix);
  const slots = node.shape.map((_, axis) => step?.slot(axis) ?? axis);
  const made = slots.findIndex((slot) => typeof slot !== "number");
  const slot = slots[made];
  if (step === undefined || typeof slot !== "object") return undefined;
  const [count, size] = [at(step.a.shape, slot.place), at(step.a.shape, slot.cell)];
  const length = count * size;
  if (slot.stride !== size || slot.dilation !== 1 || slot.offset !== 0 || length > slot.length)
    return undefined;
  const order = slots.flatMap((one) => (typeof one === "number" ? [one] : [one.place, one.cell]));
  const shape = node.shape.map((cells, axis) => (axis === made ? length : cells));
  const joined = e.reshape(e.transpose(e.of(step.a), order), shape);
  const none = shape.map(() => 0);
  return padded(e, joined, { before: none, after: none.with(made, slot.length - length) });
}

function matrixOf(e: Emitter): OverlapMatrix {
  return (one) =>
    one.shape.length === 3 && e.isKnown(one)
      ? overlapSpacing(cellsOf(e, one), one.shape as readonly [number, number, number])
      : undefined;
}

function cellsOf(e: Emitter, node: Node): ArrayLike<number> {
  const { data } = e.valueOf(node);
  return data.length === sizeOf(node.shape)
    ? data
    : new Float64Array(sizeOf(node.shape)).fill(data[0] as number);
}

interface Core {
  readonly core: ContractNode;
  readonly slots: readonly (number | Overlap)[];
  readonly x: Side;
  readonly kernel: Side;
}

function overlapped(e: Emitter, node: Node, { core, slots, x, kernel }: Core): Emitted | undefined {
  const overlaps = slots.filter((slot) => typeof slot !== "number");
  const labelAt = (axis: number): Labels =>
    axis < 0 || at(core.shape, axis) === 1 ? [] : [at(core.outLabels, axis)];
  const places = overlaps.map(({ place }) => labelAt(place));
  const cells = overlaps.map(({ cell }) => labelAt(cell));
  const sizeAt = (axis: number): number => (axis < 0 ? 1 : at(core.shape, axis));
  if (overlaps.length > MOST_SPATIAL || !x.value.rows || kernel.value.rows) return undefined;
  if (common(kernel.labels, places.flat()).length > 0 || common(x.labels, cells.flat()).length > 0)
    return undefined;
  const parts = partsOf(
    without(x.labels, places.flat()),
    without(kernel.labels, cells.flat()),
    without(core.outLabels, [...places.flat(), ...cells.flat()]),
  );
  if (parts === undefined) return undefined;
  const { outer, groups, channels, features } = parts;
  const windows = overlaps.map((overlap) => ({ ...overlap, size: sizeAt(overlap.cell) }));
  const image = arranged(e, x, { outer, groups: [[...groups, ...channels], ...places] });
  const filters = arranged(e, kernel, { outer: [], groups: [[...groups, ...channels], features, ...cells] });
  const crop = windows.map(({ place, size, stride, dilation, offset, length }) => {
    const reach = (sizeAt(place) - 1) * stride + (size - 1) * dilation + 1;
    return { reach, before: offset, after: length - offset - reach };
  });
  const made = [...groups, ...features];
  const pads = [...crop.map(({ before }) => before), ...crop.map(({ after }) => after)];
  const y = e.make("ConvTranspose", [image, filters], {
    ...image,
    shape: [
      sizeIn(kernel, made),
      ...crop.map(({ reach, before, after }) => reach + Math.min(0, before) + Math.min(0, after)),
    ],
    attributes: { ...geometry(windows, sizeIn(kernel, groups)), pads: pads.map((pad) => Math.max(0, -pad)) },
  });
  const wide = padded(e, y, {
    before: [0, ...crop.map(({ before }) => Math.max(0, before))],
    after: [0, ...crop.map(({ after }) => Math.max(0, after))],
  });
  return restored(e, wide, {
    made: [...outer, ...made, ...overlaps.map((_, k) => spatial(k))],
    outer: outer.map((label) => sizeIn(x, [label])),
    sizes: [...made.map((label) => sizeIn(kernel, [label])), ...overlaps.map(({ length }) => length)],
    order: slots.flatMap((slot) =>
      typeof slot === "number" ? labelAt(slot) : [spatial(overlaps.indexOf(slot))],
    ),
    shape: node.shape,
  });
}

/**
 * The operands with what weights were multiplied by (slopes of the layer above) or chosen by (its mask) moved to the other
 * side, where the slopes belong: Σ t (d w) = Σ (t d) w.
 */
function distributed(
  e: Emitter,
  { data, labels, weights, own }: Operands,
): Pick<Core, "x" | "kernel"> | undefined {
  const x = open(e, data, labels);
  if (weights.level !== "row") return { x, kernel: open(e, weights, own) };
  if (weights.op === "select" && uniformValue(weights.b) === 0) {
    const [mask, kernel] = [factor(e, weights.condition, own), factor(e, weights.a, own)];
    const spread = aligned(e, mask, x.labels);
    const chosen = spread && e.map("Where", [spread, x.value, e.number(0)], "float");
    return chosen && { x: { ...x, value: chosen }, kernel };
  }
  if (weights.op !== "mul") return undefined;
  const [first, second] = [factor(e, weights.a, own), factor(e, weights.b, own)];
  const [slopes, kernel] = first.value.rows ? [first, second] : [second, first];
  const spread = aligned(e, slopes, x.labels);
  return spread && { x: { ...x, value: e.map("Mul", [x.value, spread]) }, kernel };
}

/** An operand with only the axes along which it is not repeated. */
function factor(e: Emitter, node: Node, labels: Labels): Side {
  const core = node.op === "broadcast" ? node.a : node;
  return open(e, core, core.shape.length === 0 ? [] : labels.slice(-core.shape.length));
}

/** A factor with axes of one cell where it does not vary; undefined if it varies along others. */
function aligned(e: Emitter, side: Side, labels: Labels): Emitted | undefined {
  if (without(side.labels, labels).length > 0) return undefined;
  const order = common(labels, side.labels);
  const ordered = e.transpose(
    side.value,
    order.map((label) => side.labels.indexOf(label)),
  );
  const shape = labels.map((label) => (order.includes(label) ? sizeIn(side, [label]) : 1));
  return e.reshape(ordered, shape);
}
