/** Operators that trade channels for space. */

import { range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { type OperatorTable, row } from "./operator.ts";
import { requireBatchFirst } from "./spatial.ts";

type FourSizes = [number, number, number, number];

/** Channels (block², C) or, in mode CRD, (C, block²) become blocks of cells. */
function depthToSpace(call: Call): Value {
  const x = call.input(0);
  requireBatchFirst(call, x);
  const [n, c, h, w] = x.layout.sizes as FourSizes;
  const size = call.int("blocksize", 1);
  const depth = c / size ** 2;
  const [split, order] =
    call.text("mode", "DCR") === "DCR"
      ? [
          [n, size, size, depth, h, w],
          [0, 3, 4, 1, 5, 2],
        ]
      : [
          [n, depth, size, size, h, w],
          [0, 1, 4, 2, 5, 3],
        ];
  const node = call.b.transpose(call.b.reshape(full(call.b, x), split), order);
  const sizes = [n, depth, h * size, w * size];
  return call.value(call.b.reshape(node, sizes), layout(sizes, x.layout.batch));
}

function spaceToDepth(call: Call): Value {
  const x = call.input(0);
  requireBatchFirst(call, x);
  const [n, c, h, w] = x.layout.sizes as FourSizes;
  const size = call.int("blocksize", 1);
  const split = call.b.reshape(full(call.b, x), [n, c, h / size, size, w / size, size]);
  const sizes = [n, c * size ** 2, h / size, w / size];
  return call.value(
    call.b.reshape(call.b.transpose(split, [0, 3, 5, 1, 2, 4]), sizes),
    layout(sizes, x.layout.batch),
  );
}

/** Sums of squares over near channels: x / (bias + α/size Σ x²)^β. */
function localResponse(call: Call): Value {
  const x = call.input(0);
  requireBatchFirst(call, x);
  const { b } = call;
  const node = full(b, x);
  const size = call.int("size", 1);
  const channels = x.layout.sizes[1] ?? 1;
  const near = range(channels ** 2).map((cell) => {
    const gap = (cell % channels) - Math.floor(cell / channels);
    return gap >= -Math.floor((size - 1) / 2) && gap <= Math.ceil((size - 1) / 2) ? 1 : 0;
  });
  const labels = range(x.rank);
  const sums = b.contract(b.mul(node, node), b.constant(near, [channels, channels]), {
    a: labels,
    b: [x.rank, 1],
    out: labels.map((label) => (label === 1 ? x.rank : label)),
  });
  const base = b.add(
    b.constant(call.float("bias", 1)),
    b.mul(b.constant(call.float("alpha", 1e-4) / size), sums),
  );
  return call.value(b.div(node, b.binary("pow", base, b.constant(call.float("beta", 0.75)))), x.layout);
}

/** Operators between channels and space by name. */
export const blocks: OperatorTable = {
  DepthToSpace: row(1, depthToSpace),
  SpaceToDepth: row(1, spaceToDepth),
  LRN: row(1, localResponse),
};
