/**
 * Where a resized cell comes from: ONNX's coordinate transformations and interpolation kernels, one axis at a time.
 *
 * In: lengths, scale and mode. Out: the weights of all old cells for one new cell, or undefined outside of the region.
 * Kernels: the triangle 1 − |t|, and the cubic of Keys (1981) with coefficient a; stretched by 1/scale when antialiasing.
 */

import { at, range } from "../../ir/shape.ts";

/** One axis's lengths and how places map. */
export interface Coordinates {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly mode: string;
  /** The region, in fractions of the axis, of `tf_crop_and_resize`. */
  readonly roi?: { readonly start: number; readonly end: number };
}

/** How values between cells are made. */
export interface Sampling {
  readonly mode: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

/** The old place of new cell `place`. */
function originalPlace({ from, to, scale, mode, roi }: Coordinates, place: number): number {
  const length = scale * from;
  switch (mode) {
    case "asymmetric":
      return place / scale;
    case "align_corners":
      return length === 1 ? 0 : (place * (from - 1)) / (length - 1);
    case "pytorch_half_pixel":
      return length > 1 ? (place + 0.5) / scale - 0.5 : 0;
    case "tf_half_pixel_for_nn":
      return (place + 0.5) / scale;
    case "half_pixel_symmetric":
      return (from / 2) * (1 - to / length) + (place + 0.5) / scale - 0.5;
    case "tf_crop_and_resize":
      return cropPlace({ from, length, start: roi?.start ?? 0, end: roi?.end ?? 1 }, place);
    default:
      return (place + 0.5) / scale - 0.5;
  }
}

function cropPlace(
  { from, length, start, end }: { from: number; length: number; start: number; end: number },
  place: number,
): number {
  const span = (end - start) * (from - 1);
  return start * (from - 1) + (length > 1 ? (place * span) / (length - 1) : span / 2);
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Keys' cubic kernel with coefficient a. */
export function cubicKernel(a: number): (t: number) => number {
  return (t) => {
    const x = Math.abs(t);
    if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
    return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
  };
}

const triangleKernel = (t: number): number => Math.max(0, 1 - Math.abs(t));

/** Weights of the old cells for new cell `place`; undefined where the region lies outside of the input. */
export function rowWeights(
  coordinates: Coordinates,
  sampling: Sampling,
  place: number,
): number[] | undefined {
  const { from, mode } = coordinates;
  const x = originalPlace(coordinates, place);
  if (mode === "tf_crop_and_resize" && (x < 0 || x > from - 1)) return undefined;
  const weights = new Array<number>(from).fill(0);
  if (sampling.mode === "nearest") {
    const index = (roundings[sampling.nearest] ?? Math.floor)(x);
    weights[Math.min(Math.max(index, 0), from - 1)] = 1;
    return weights;
  }
  const taps = tapsOf(coordinates, sampling, x);
  const kept = taps.filter(({ index }) => !sampling.excludeOutside || (index >= 0 && index < from));
  const total =
    sampling.excludeOutside || sampling.antialias ? kept.reduce((sum, { weight }) => sum + weight, 0) : 1;
  for (const { index, weight } of kept) {
    const inside = Math.min(Math.max(index, 0), from - 1);
    weights[inside] = at(weights, inside) + weight / total;
  }
  return weights;
}

/** Cells near x, before they are clamped to the axis. */
function tapsOf(
  { scale }: Coordinates,
  { mode, cubic, antialias }: Sampling,
  x: number,
): { index: number; weight: number }[] {
  const stretch = antialias ? Math.min(scale, 1) : 1;
  const reach = mode === "cubic" ? 2 : 1;
  const kernel = mode === "cubic" ? cubicKernel(cubic) : triangleKernel;
  const first = Math.floor(x) + Math.floor(-reach / stretch) + 1;
  const count = 2 - 2 * (Math.floor(-reach / stretch) + 1);
  return range(count).map((k) => ({ index: first + k, weight: kernel((first + k - x) * stretch) }));
}
