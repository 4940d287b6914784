/** Pad: constants, or the input's own cells reflected, repeated or wrapped around. The batch axis is never padded. */

import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import { isNumber } from "../size.ts";
import type { Value } from "../value.ts";
import { picked } from "./gather.ts";
import { type OperatorTable, row } from "./operator.ts";
import { extended } from "./spatial.ts";

/** Pads and value are attributes before opset 11, inputs since; axes may be chosen since 18. */
function pad(call: Call): Value {
  const x = call.input(0);
  const pads = call.opset < 11 ? (call.ints("pads") ?? []) : call.numbers(1, "pads");
  const axes =
    call.inputs[3] === undefined
      ? range(x.rank)
      : call.numbers(3, "axes").map((axis) => call.axis(axis, x.rank));
  if (pads.length !== 2 * axes.length) call.malformed(`it has ${pads.length} pads for ${axes.length} axes.`);
  const ends = axes
    .map((axis, k) => ({ axis, before: at(pads, k), after: at(pads, k + axes.length) }))
    .filter(({ before, after }) => before !== 0 || after !== 0);
  if (ends.some(({ axis }) => axis === x.layout.batch?.axis))
    call.mixes("it pads the batch axis with rows of its own");
  const mode = call.text("mode", "constant");
  const fill =
    call.opset < 11
      ? call.float("value", 0)
      : call.inputs[2] === undefined
        ? 0
        : at(call.numbers(2, "value"), 0);
  const node = ends.reduce((value, end) => padded(call, value, { ...end, mode, fill }), full(call.b, x));
  return call.value(node, layout(node.shape, x.layout.batch), x.dtype);
}

interface Ends {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  readonly mode: string;
  readonly fill: number;
}

const MOST_PADDED = 2 ** 24;

/** Negative pads take cells away. */
function padded(call: Call, node: Node, { axis, before, after, mode, fill }: Ends): Node {
  const size = at(node.shape, axis);
  if (size + before + after < 0 || size + before + after > MOST_PADDED)
    call.malformed(`it pads ${size} cells by ${before} and ${after}.`);
  if (mode === "constant") {
    const first = Math.max(0, -before);
    const kept = range(Math.max(0, size - first - Math.max(0, -after))).map((k) => first + k);
    const cropped = kept.length === size ? node : picked(call.b, node, { axis, indices: kept });
    return extended(call.b, cropped, { axis, before: Math.max(0, before), after: Math.max(0, after), fill });
  }
  const source = sources[mode] ?? call.unsupported(`the mode "${mode}" is not computed.`);
  const indices = range(size + before + after).map((place) => source(place - before, size));
  return picked(call.b, node, { axis, indices });
}

/** The cell that stands at a place outside of 0 … size − 1. */
const sources: Readonly<Record<string, (place: number, size: number) => number>> = {
  edge: (place, size) => Math.min(Math.max(place, 0), size - 1),
  wrap: (place, size) => ((place % size) + size) % size,
  reflect: (place, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const inside = ((place % period) + period) % period;
    return inside < size ? inside : period - inside;
  },
};

/** Cuts or zeros on both sides, so that the middle stays where it is. */
function centred(call: Call): Value {
  const x = call.input(0);
  const axes = (call.ints("axes") ?? range(x.rank)).map((axis) => call.axis(axis, x.rank));
  const wanted = call.cells(1, "shape");
  const node = axes.reduce(
    (value, axis, k) => {
      const size = at(wanted, k);
      if (x.layout.batch?.axis === axis) {
        if (isNumber(size) || size.batches !== at(x.layout.sizes, axis))
          call.mixes("it cuts or pads the batch axis");
        return value;
      }
      if (!isNumber(size)) return call.mixes("its shape depends on how many rows there are");
      const more = size - at(value.shape, axis);
      const before = Math.trunc(more / 2);
      return padded(call, value, { axis, before, after: more - before, mode: "constant", fill: 0 });
    },
    full(call.b, x),
  );
  return call.value(node, layout(node.shape, x.layout.batch), x.dtype);
}

/** Padding by name. */
export const padOperators: OperatorTable = { Pad: row(2, pad), CenterCropPad: row(18, centred) };
