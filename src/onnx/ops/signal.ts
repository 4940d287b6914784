/**
 * Discrete Fourier transforms as contractions with a constant matrix of cosines and sines, and mel filters.
 *
 * Complex numbers are a last axis of two cells, (real, imaginary); real ones have one cell there.
 */

import type { Builder } from "../../ir/builder.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout, plain } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { type OperatorTable, row } from "./operator.ts";
import { requireNoBatch } from "./reductions.ts";

/** A transform of `length` cells, of which `given` are there and the others are zero. */
interface Transform {
  readonly given: number;
  readonly length: number;
  /** Real (1) or complex (2) input. */
  readonly parts: number;
  readonly inverse: boolean;
  /** Only the half that a real signal needs: of the result, or of an inverse's input. */
  readonly onesided: boolean;
}

const MOST_WEIGHTS = 2 ** 22;

/** Weights (given, parts, bins, parts of the result). */
function weightsOf(call: Call, { given, length, parts, inverse, onesided }: Transform): Node {
  const toReal = inverse && onesided;
  const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
  const results = toReal ? 1 : 2;
  if (!(given * parts * bins * results <= MOST_WEIGHTS))
    call.unsupported(`a transform of ${length} cells takes too many weights.`);
  const shape = [given, parts, bins, results];
  const values = range(given).flatMap((cell) =>
    range(parts).flatMap((part) =>
      range(bins).flatMap((bin) => {
        const angle = ((inverse ? 2 : -2) * Math.PI * ((cell * bin) % length)) / length;
        // Of the half that is stored, all but the first and a middle bin stand for two.
        const twice = toReal && cell > 0 && 2 * cell < length ? 2 : 1;
        const scale = (inverse ? 1 / length : 1) * (toReal && 2 * cell > length ? 0 : twice);
        const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
        return (part === 0 ? [cos, sin] : [-sin, cos]).slice(0, results);
      }),
    ),
  );
  return call.b.constant(Float64Array.from(values), shape);
}

/** The transform along `axis` of a node whose last axis holds the parts. */
function transformed(
  call: Call,
  x: Node,
  { axis, ...options }: Omit<Transform, "given" | "parts"> & { axis: number },
): Node {
  const { b } = call;
  const given = Math.min(at(x.shape, axis), options.length);
  const last = x.shape.length - 1;
  const cut = b.part(x, { axis, start: 0, count: given });
  const weights = weightsOf(call, { ...options, given, parts: at(x.shape, last) });
  const labels = range(x.shape.length);
  const [bin, part] = [labels.length, labels.length + 1];
  return b.contract(cut, weights, {
    a: labels,
    b: [axis, last, bin, part],
    out: labels.map((label) => (label === axis ? bin : label === last ? part : label)),
  });
}

/** The axis is an attribute before opset 20 and an input since. */
function fourier(call: Call): Value {
  const x = call.input(0);
  const written =
    call.opset < 20 ? call.int("axis", 1) : at(call.inputs[2] ? call.numbers(2, "axis") : [-2], 0);
  const axis = call.axis(written, x.rank);
  if (axis === x.rank - 1) call.malformed("its axis is that of the real and imaginary parts.");
  requireNoBatch(call, x, { axes: [axis, x.rank - 1], what: "transforming along" });
  const [inverse, onesided] = [call.int("inverse", 0) === 1, call.int("onesided", 0) === 1];
  const own = at(x.layout.sizes, axis);
  const length =
    call.inputs[1] === undefined
      ? inverse && onesided
        ? 2 * (own - 1)
        : own
      : at(call.numbers(1, "length"), 0);
  if (!(length > 0)) call.malformed(`it transforms ${length} cells.`);
  const node = transformed(call, full(call.b, x), { axis, length, inverse, onesided });
  return call.value(node, layout(node.shape, x.layout.batch), x.dtype);
}

/** Frames of the signal (batch, length, parts), each times the window, transformed. */
function shortTime(call: Call): Value {
  const x = call.input(0);
  requireNoBatch(call, x, { axes: [1, 2], what: "transforming along" });
  const { b } = call;
  const window = call.inputs[2];
  const stride = at(call.numbers(1, "step"), 0);
  const size = call.inputs[3] ? at(call.numbers(3, "frame length"), 0) : (window?.layout.sizes[0] ?? 0);
  const signal = x.rank === 2 ? b.reshape(full(b, x), [...x.layout.sizes, 1]) : full(b, x);
  if (!(size > 0 && stride > 0 && size <= at(signal.shape, 1)))
    call.malformed("its frames do not fit its signal.");
  const frames = b.window(signal, { axis: 1, size, stride, dilation: 1 });
  const weighted = window === undefined ? frames : b.mul(frames, windowOver(b, full(b, window), frames));
  const node = transformed(call, weighted, {
    axis: 2,
    length: size,
    inverse: false,
    onesided: call.int("onesided", 1) === 1,
  });
  return call.value(node, layout(node.shape, x.layout.batch), x.dtype);
}

function windowOver(b: Builder, window: Node, { shape }: Node): Node {
  return b.broadcast(b.reshape(window, [1, 1, ...window.shape, 1]), shape);
}

/** Triangles on the mel scale, (bins of the spectrum, bands); all arguments are known numbers. */
function melWeights(call: Call): Value {
  const [bands, length, rate, lowest, highest] = [0, 1, 2, 3, 4].map((index) =>
    at(call.numbers(index, "arguments"), 0),
  ) as [number, number, number, number, number];
  const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const [low, high] = [toMel(lowest), toMel(highest)];
  const edges = range(bands + 2).map((k) => {
    const hertz = 700 * (10 ** ((low + (k * (high - low)) / (bands + 2)) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const bins = Math.floor(length / 2) + 1;
  if (!(bins * bands <= MOST_WEIGHTS)) call.unsupported("it makes too many weights.");
  const cells = range(bins).flatMap((bin) =>
    range(bands).map((band) => {
      const [start, centre, end] = [at(edges, band), at(edges, band + 1), at(edges, band + 2)];
      if (bin >= centre && bin < end) return (end - bin) / (end - centre);
      if (bin === centre) return 1;
      return bin >= start && bin < centre ? (bin - start) / (centre - start) : 0;
    }),
  );
  return call.value(call.b.constant(cells, [bins, bands]), plain([bins, bands]), "float32");
}

/** Transforms by name. */
export const signals: OperatorTable = {
  DFT: row(17, fourier),
  STFT: row(17, shortTime),
  MelWeightMatrix: row(17, melWeights),
};
