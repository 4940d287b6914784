/**
 * AffineGrid and GridSample: images read at computed places.
 *
 * The batch may be the first axis. Places are in −1 … 1 along each axis, x (the last axis) first; between cells the image
 * is interpolated, so the result depends smoothly on the places within a cell.
 */

import type { Builder } from "../../ir/builder.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { layoutOfDims } from "./axes.ts";
import { type OperatorTable, row } from "./operator.ts";
import { cubicKernel } from "./sampling.ts";
import { requireBatchFirst } from "./spatial.ts";

const MOST_PLACES = 2 ** 22;

/** The place of each cell of the new image, times an affine matrix (N, axes, axes + 1). */
function affineGrid(call: Call): Value {
  const theta = call.input(0);
  requireBatchFirst(call, theta);
  const { sizes } = layoutOfDims(call, call.cells(1, "size"));
  const lengths = sizes.slice(2);
  const axes = lengths.length;
  if (!(sizeOf(lengths) <= MOST_PLACES)) call.unsupported("it makes too many places.");
  const aligned = call.int("align_corners", 0) === 1;
  const along = (length: number, cell: number): number =>
    aligned ? (length === 1 ? 0 : (2 * cell) / (length - 1) - 1) : (2 * cell + 1) / length - 1;
  const cells = lengths.reduce<number[][]>(
    (places, length) =>
      places.flatMap((place) => range(length).map((cell) => [along(length, cell), ...place])),
    [[]],
  );
  const base = call.b.constant(
    cells.flatMap((place) => [...place, 1]),
    [cells.length, axes + 1],
  );
  const node = call.b.contract(base, full(call.b, theta), { a: [0, 1], b: [2, 3, 1], out: [2, 0, 3] });
  const result = [at(theta.layout.sizes, 0), ...lengths, axes];
  return call.value(call.b.reshape(node, result), layout(result, theta.layout.batch), theta.dtype);
}

/** How places outside of the image are read, and how those between cells are. */
interface Reading {
  readonly padding: string;
  readonly aligned: boolean;
}

/** A tap: the cell's index along one axis (as float) and its weight. */
interface Tap {
  readonly index: Node;
  readonly weight: Node;
}

/** x mirrored at both ends until it lies inside. */
function reflected(b: Builder, x: Node, [low, high]: readonly [number, number]): Node {
  const span = high - low;
  if (span === 0) return b.constant(0, x.shape);
  const phase = b.binary("mod", b.sub(x, b.constant(low)), b.constant(2 * span));
  const back = b.sub(b.constant(2 * span), phase);
  const turned = b.select(b.compare("lt", b.constant(span), phase), back, phase);
  const inside = b.logic("and", b.compare("le", b.constant(low), x), b.compare("le", x, b.constant(high)));
  return b.select(inside, x, b.add(turned, b.constant(low)));
}

function clamped(b: Builder, x: Node, length: number): Node {
  return b.binary("max", b.binary("min", x, b.constant(length - 1)), b.constant(0));
}

/** Brings a place, or an index, into the image as the padding says; zeros are masked later. */
function brought(b: Builder, x: Node, { length, padding, aligned }: Reading & { length: number }): Node {
  if (padding === "reflection") return reflected(b, x, aligned ? [0, length - 1] : [-0.5, length - 0.5]);
  return padding === "border" ? clamped(b, x, length) : x;
}

/** The cells that a place along one axis reads. */
function tapsOf(b: Builder, x: Node, mode: string): Tap[] {
  if (mode === "nearest") return [{ index: b.unary("round", x), weight: b.constant(1, x.shape) }];
  const floor = b.unary("floor", x);
  const t = b.sub(x, floor);
  const offsets = mode === "cubic" ? [-1, 0, 1, 2] : [0, 1];
  return offsets.map((offset) => ({
    index: b.add(floor, b.constant(offset)),
    weight: mode === "cubic" ? cubicWeight(b, t, offset) : linearWeight(b, t, offset),
  }));
}

const linearWeight = (b: Builder, t: Node, offset: number): Node =>
  offset === 1 ? t : b.sub(b.constant(1), t);

/** Keys' kernel at t − offset as the cubic it is between two cells, through four of its values. */
function cubicWeight(b: Builder, t: Node, offset: number): Node {
  const kernel = cubicKernel(-0.75);
  const [p0, p1, p2, p3] = [0, 1 / 3, 2 / 3, 1].map((s) => kernel(s - offset)) as [
    number,
    number,
    number,
    number,
  ];
  const coefficients = [
    p0,
    (-11 * p0 + 18 * p1 - 9 * p2 + 2 * p3) / 2,
    (9 * (2 * p0 - 5 * p1 + 4 * p2 - p3)) / 2,
    (9 * (-p0 + 3 * p1 - 3 * p2 + p3)) / 2,
  ];
  return coefficients
    .toReversed()
    .map((c) => b.constant(c, t.shape))
    .reduce((sum, c) => b.add(b.mul(sum, t), c));
}

/** Every combination of one tap per axis: the flat cell, its weight, and whether it lies in the image. */
function cornersOf(
  b: Builder,
  taps: readonly (readonly Tap[])[],
  { lengths, reading }: { lengths: readonly number[]; reading: Reading },
): { place: Node; weight: Node; inside: Node | undefined }[] {
  let corners: { place: Node; weight: Node; inside: Node | undefined }[] | undefined;
  taps.forEach((own, axis) => {
    const length = at(lengths, axis);
    const made = own.map(({ index, weight }) => {
      const place = clamped(b, brought(b, index, { ...reading, length }), length);
      return {
        place,
        weight,
        inside: reading.padding === "zeros" ? b.compare("eq", place, index) : undefined,
      };
    });
    corners =
      corners?.flatMap((corner) =>
        made.map((tap) => ({
          place: b.add(b.mul(corner.place, b.constant(length)), tap.place),
          weight: b.mul(corner.weight, tap.weight),
          inside: corner.inside && tap.inside && b.logic("and", corner.inside, tap.inside),
        })),
      ) ?? made;
  });
  return corners ?? [];
}

/** One sample: an image (channels, …lengths) at places (count, axes). */
function sampled(
  call: Call,
  { image, places, lengths }: { image: Node; places: Node; lengths: readonly number[] },
): Node {
  const { b } = call;
  const reading = {
    padding: call.text("padding_mode", "zeros"),
    aligned: call.int("align_corners", 0) === 1,
  };
  const mode = call.text("mode", "linear").replace(/^bi/, "");
  const count = at(places.shape, 0);
  const taps = lengths.map((length, axis) => {
    const last = lengths.length - 1;
    const own = b.reshape(b.part(places, { axis: 1, start: last - axis, count: 1 }), [count]);
    const [scale, shift] = reading.aligned
      ? [(length - 1) / 2, (length - 1) / 2]
      : [length / 2, (length - 1) / 2];
    const x = b.add(b.mul(b.constant(scale), own), b.constant(shift));
    const read = mode === "nearest" ? b.unary("round", x) : x;
    return tapsOf(b, brought(b, read, { ...reading, length }), mode);
  });
  const flat = b.reshape(image, [at(image.shape, 0), sizeOf(lengths)]);
  return cornersOf(b, taps, { lengths, reading })
    .map(({ place, weight, inside }) => {
      const cells = b.gather(flat, b.convert(place, "int"), 1);
      const term = b.mul(cells, b.broadcast(weight, cells.shape));
      return inside === undefined ? term : b.select(b.broadcast(inside, cells.shape), term, b.constant(0));
    })
    .reduce((x, y) => b.add(x, y));
}

/** X (N, C, …lengths) at the places (N, …new lengths, axes): (N, C, …new lengths). */
function gridSample(call: Call): Value {
  const [x, grid] = [call.input(0), call.input(1)];
  requireBatchFirst(call, x);
  requireBatchFirst(call, grid);
  const { b } = call;
  const [samples, channels, ...lengths] = x.layout.sizes as [number, number, ...number[]];
  const fresh = grid.layout.sizes.slice(1, -1);
  if (at(grid.layout.sizes, grid.rank - 1) !== lengths.length || at(grid.layout.sizes, 0) !== samples)
    call.malformed("its grid does not fit its image.");
  const batch = x.layout.batch ?? grid.layout.batch;
  if (samples > 1 && x.layout.batch?.outer !== grid.layout.batch?.outer)
    call.mixes("its image and its grid do not carry the batch alike");
  const [images, places] = [full(b, x), full(b, grid)];
  const one = (node: Node, sample: number, shape: readonly number[]): Node =>
    b.reshape(b.part(node, { axis: 0, start: sample, count: 1 }), shape);
  const parts = range(samples).map((sample) =>
    b.reshape(
      sampled(call, {
        image: one(images, sample, [channels, ...lengths]),
        places: one(places, sample, [sizeOf(fresh), lengths.length]),
        lengths,
      }),
      [1, channels, ...fresh],
    ),
  );
  return call.value(b.concat(parts, 0), layout([samples, channels, ...fresh], batch), x.dtype);
}

/** Grids by name. */
export const grids: OperatorTable = {
  AffineGrid: row(20, affineGrid),
  GridSample: row(16, gridSample),
};
