/**
 * Resize and Upsample: a fixed linear map along each resized axis.
 *
 * Every mode gives, for each new cell, old cells and weights (nearest: one cell). Axes of one-hot maps become slices or
 * gathers, others contractions with a small constant matrix.
 */

import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { picked } from "./gather.ts";
import { type OperatorTable, row } from "./operator.ts";
import { requireNoBatch } from "./reductions.ts";
import { type Coordinates, rowWeights, type Sampling } from "./sampling.ts";

/** How one axis is resized. */
interface AxisPlan {
  readonly axis: number;
  readonly coordinates: Coordinates;
}

/** Since opset 11 inputs are X, roi, scales, sizes; opset 10 and Upsample have X, scales. */
function resize(call: Call): Value {
  const x = call.input(0);
  const legacy = call.operator === "Upsample" || call.opset < 11;
  const axes =
    (legacy ? undefined : call.ints("axes"))?.map((axis) => call.axis(axis, x.rank)) ?? range(x.rank);
  const plans = legacy ? legacyPlans(call, x, axes) : plansOf(call, x, axes);
  const changed = plans.filter(({ coordinates: { from, to, roi } }) => from !== to || roi !== undefined);
  requireNoBatch(call, x, { axes: changed.map(({ axis }) => axis), what: "resizing" });
  const sampling = samplingOf(call, legacy);
  const node = changed.reduce(
    (value, plan) => resampled(call, value, { ...plan, sampling }),
    full(call.b, x),
  );
  return call.value(node, layout(node.shape, x.layout.batch));
}

function samplingOf(call: Call, legacy: boolean): Sampling {
  return {
    mode: call.text("mode", "nearest"),
    nearest: legacy ? "floor" : call.text("nearest_mode", "round_prefer_floor"),
    cubic: call.float("cubic_coeff_a", -0.75),
    excludeOutside: call.int("exclude_outside", 0) === 1,
    antialias: call.int("antialias", 0) === 1,
  };
}

function legacyPlans(call: Call, x: Value, axes: readonly number[]): AxisPlan[] {
  const scales =
    call.operator === "Upsample" && call.opset < 9
      ? (call.floats("scales") ?? [])
      : call.numbers(1, "scales");
  return axes.map((axis) => {
    const [from, scale] = [at(x.layout.sizes, axis), at(scales, axis)];
    return { axis, coordinates: { from, to: Math.floor(from * scale), scale, mode: "asymmetric" } };
  });
}

function plansOf(call: Call, x: Value, axes: readonly number[]): AxisPlan[] {
  const mode = call.text("coordinate_transformation_mode", "half_pixel");
  const roi = mode === "tf_crop_and_resize" ? call.numbers(1, "region") : undefined;
  const lengths = axes.map((axis) => at(x.layout.sizes, axis));
  const given = call.inputs[3] === undefined ? [] : sizesOf(call, x, axes);
  const targets = given.length > 0 ? fromSizes(call, lengths, given) : fromScales(call, lengths);
  return axes.map((axis, k) => {
    const own = roi && { start: at(roi, k), end: at(roi, k + axes.length) };
    return { axis, coordinates: { from: at(lengths, k), ...at(targets, k), mode, ...(own && { roi: own }) } };
  });
}

/** Sizes; along the batch the batch itself is expected, which changes nothing. */
function sizesOf(call: Call, x: Value, axes: readonly number[]): number[] {
  return call.cells(3, "sizes").map((size, k) => {
    if (typeof size === "number") return size;
    if (x.layout.batch?.axis !== axes[k]) call.mixes("a size depends on how many rows there are");
    return size.batches;
  });
}

function fromScales(call: Call, lengths: readonly number[]): { to: number; scale: number }[] {
  const scales = call.numbers(2, "scales");
  return lengths.map((length, k) => ({ to: Math.floor(length * at(scales, k)), scale: at(scales, k) }));
}

function fromSizes(
  call: Call,
  lengths: readonly number[],
  sizes: readonly number[],
): { to: number; scale: number }[] {
  const policy = call.text("keep_aspect_ratio_policy", "stretch");
  const ratios = lengths.map((length, k) => at(sizes, k) / length);
  if (policy === "stretch") return lengths.map((_, k) => ({ to: at(sizes, k), scale: at(ratios, k) }));
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return lengths.map((length) => ({ to: Math.floor(length * scale + 0.5), scale }));
}

const MOST_WEIGHTS = 2 ** 22;

function resampled(
  call: Call,
  node: Node,
  { axis, coordinates, sampling }: AxisPlan & { sampling: Sampling },
): Node {
  const { b } = call;
  const { from, to } = coordinates;
  if (!(to * from <= MOST_WEIGHTS)) call.unsupported(`it resizes an axis from ${from} to ${to} cells.`);
  const rows = range(to).map((place) => rowWeights(coordinates, sampling, place));
  const indices = rows.map((weights) => weights?.indexOf(1) ?? -1);
  if (indices.every((index) => index >= 0)) return picked(b, node, { axis, indices });
  const matrix = b.constant(
    Float64Array.from(rows.flatMap((weights) => weights ?? new Array<number>(from).fill(0))),
    [to, from],
  );
  const labels = range(node.shape.length);
  const made = b.contract(node, matrix, {
    a: labels,
    b: [labels.length, axis],
    out: labels.map((label) => (label === axis ? labels.length : label)),
  });
  if (rows.every((weights) => weights !== undefined)) return made;
  const inside = b.constant(
    rows.map((weights) => (weights === undefined ? 0 : 1)),
    made.shape.map((size, k) => (k === axis ? size : 1)),
    "bool",
  );
  return b.select(inside, made, b.constant(call.float("extrapolation_value", 0)));
}

/** Resizing by name. */
export const resizes: OperatorTable = {
  Resize: row(10, resize),
  Upsample: row(7, resize),
};
