/** Normalising layers: over axes of one row, or with statistics that are constants or computed per row. */

import { layerNorm, mean, norm1, norm2, rmsNorm, variance } from "../../ir/library/index.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { elementwise } from "../elementwise.ts";
import { plain, symbolicShape } from "../layout.ts";
import { reshaped } from "../reshape.ts";
import type { Value } from "../value.ts";
import { added, multiplied } from "./arithmetic.ts";
import { unsqueezed } from "./axes.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { along, requireNoBatch, withoutAxes } from "./reductions.ts";
import { requireBatchFirst } from "./spatial.ts";

/** (x − mean) / √(variance + ε) over these axes, without scale and bias. */
export function normalized(
  call: Call,
  x: Value,
  options: { axes: readonly number[]; epsilon: number; centred: boolean },
): Value {
  requireNoBatch(call, x, { axes: options.axes, what: "normalising along" });
  const { node, axes } = along(call, x, options.axes);
  const norm = options.centred ? layerNorm : rmsNorm;
  return call.value(norm(call.b, node, { axes, epsilon: options.epsilon }), x.layout);
}

/** Outputs Y, and on demand the mean and 1 / √(variance + ε) of each normalised block. */
const layerNormalization: Operator = row(17, (call) => {
  const x = call.input(0);
  const axes = range(x.rank).slice(call.axis(call.int("axis", -1), x.rank));
  const epsilon = call.float("epsilon", 1e-5);
  const normal = normalized(call, x, { axes, epsilon, centred: true });
  const y = added(call, multiplied(call, normal, call.inputs[1]), call.inputs[2]);
  if (call.outputs.length < 2) return y;
  const { b } = call;
  const { node, axes: own } = along(call, x, axes);
  const inverse = b.div(
    b.constant(1),
    b.unary("sqrt", b.add(variance(b, node, { axes: own }), b.constant(epsilon))),
  );
  const blocks = withoutAxes(x.layout, axes, true);
  return [y, call.value(mean(b, node, own), blocks), call.value(inverse, blocks)];
});

const rmsNormalization: Operator = row(23, (call) => {
  const x = call.input(0);
  const axes = range(x.rank).slice(call.axis(call.int("axis", -1), x.rank));
  return multiplied(
    call,
    normalized(call, x, { axes, epsilon: call.float("epsilon", 1e-5), centred: false }),
    call.inputs[1],
  );
});

/** (x − mean) scale / √(variance + ε) + bias per channel (axis 1); statistics may be computed per row. */
const batchNormalization: Operator = row(7, (call) => {
  const training =
    call.int("training_mode", 0) === 1 ||
    (call.opset < 14 && call.outputs.slice(1).some((name) => name !== ""));
  if (training)
    call.mixes(
      "in training mode its mean and variance are taken over the batch; export the model in eval mode",
    );
  const x = call.input(0);
  const later = range(Math.max(0, x.rank - 2)).map((k) => k + 1);
  const [scale, bias, centre, spread] = [1, 2, 3, 4].map((index) =>
    unsqueezed(call, call.input(index), later),
  ) as [Value, Value, Value, Value];
  const epsilon = call.float("epsilon", 1e-5);
  const factor = elementwise(call, [scale, spread], {
    emit: (b, [s, v]) => b.div(s as Node, b.unary("sqrt", b.add(v as Node, b.constant(epsilon)))),
  });
  const shift = elementwise(call, [bias, centre, factor], {
    emit: (b, [c, m, f]) => b.sub(c as Node, b.mul(m as Node, f as Node)),
  });
  return added(call, multiplied(call, x, factor), shift);
});

/** Each channel of each sample over its spatial axes. */
const instanceNormalization: Operator = row(6, (call) => {
  const x = call.input(0);
  const spatial = range(x.rank).slice(2);
  const y = normalized(call, x, { axes: spatial, epsilon: call.float("epsilon", 1e-5), centred: true });
  const later = spatial.map((axis) => axis - 1);
  return added(
    call,
    multiplied(call, y, unsqueezed(call, call.input(1), later)),
    unsqueezed(call, call.input(2), later),
  );
});

/** Mean and variance over given axes, by default (0, 2, 3). */
const meanVarianceNormalization: Operator = row(9, (call) => {
  const x = call.input(0);
  const axes = (call.ints("axes") ?? [0, 2, 3]).map((axis) => call.axis(axis, x.rank));
  return normalized(call, x, { axes, epsilon: 0, centred: true });
});

/** Instance norm over groups of channels; scale and bias per channel, per group before opset 21. */
const groupNormalization: Operator = row(18, (call) => {
  const x = call.input(0);
  requireBatchFirst(call, x);
  const [batch, ...rest] = symbolicShape(x.layout);
  const groups = call.int("num_groups", 1);
  const channels = at(x.layout.sizes, 1);
  if (groups < 1 || channels % groups !== 0) call.malformed(`${channels} channels are not ${groups} groups.`);
  const grouped = reshaped(call, x, [batch ?? 1, groups, sizeOf(x.layout.sizes.slice(1)) / groups]);
  const normal = normalized(call, grouped, {
    axes: [2],
    epsilon: call.float("epsilon", 1e-5),
    centred: true,
  });
  const y = reshaped(call, normal, [batch ?? 1, ...rest]);
  const later = range(x.rank - 2).map((k) => k + 1);
  const [scale, bias] = [1, 2].map((index) =>
    unsqueezed(call, perChannel(call, call.input(index), channels), later),
  );
  return added(call, multiplied(call, y, scale), bias);
});

/** One number per group repeated for each of its channels. */
function perChannel(call: Call, x: Value, channels: number): Value {
  const groups = at(x.layout.sizes, 0);
  if (groups === channels) return x;
  const spread = call.b.broadcast(call.b.reshape(x.node, [groups, 1]), [groups, channels / groups]);
  return call.value(call.b.reshape(spread, [channels]), plain([channels]));
}

/** x divided by its norm along an axis; where that is 0, x itself. */
const lpNormalization: Operator = row(1, (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int("axis", -1), x.rank);
  requireNoBatch(call, x, { axes: [axis], what: "normalising along" });
  const { b } = call;
  const { node, axes } = along(call, x, [axis]);
  const length = call.int("p", 2) === 1 ? norm1(b, node, axes) : norm2(b, node, axes);
  const spread = b.broadcast(
    b.reshape(
      length,
      node.shape.map((size, k) => (axes.includes(k) ? 1 : size)),
    ),
    node.shape,
  );
  const safe = b.select(b.compare("eq", spread, b.constant(0)), b.constant(1), spread);
  return call.value(b.div(node, safe), x.layout);
});

/** Normalising layers by name. */
export const normalizations: OperatorTable = {
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
};
