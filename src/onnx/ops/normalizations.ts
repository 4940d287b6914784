/** Normalising layers: over axes of one row, or with statistics that are constants or computed per row. */

import { layerNorm, rmsNorm } from "../../ir/library/index.ts";
import { range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { elementwise } from "../elementwise.ts";
import type { Value } from "../value.ts";
import { added, multiplied } from "./arithmetic.ts";
import { unsqueezed } from "./axes.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { along, requireNoBatch } from "./reductions.ts";

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

const layerNormalization: Operator = row(17, (call) => {
  if (call.outputs.slice(1).some((name) => name !== ""))
    call.unsupported("its outputs Mean and InvStdDev are not computed; remove their uses.");
  const x = call.input(0);
  const axes = range(x.rank).slice(call.axis(call.int("axis", -1), x.rank));
  const y = normalized(call, x, { axes, epsilon: call.float("epsilon", 1e-5), centred: true });
  return added(call, multiplied(call, y, call.inputs[1]), call.inputs[2]);
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
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) =>
    unsqueezed(call, call.input(index), later),
  ) as [Value, Value, Value, Value];
  const epsilon = call.float("epsilon", 1e-5);
  const factor = elementwise(call, [scale, variance], {
    emit: (b, [s, v]) => b.div(s as Node, b.unary("sqrt", b.add(v as Node, b.constant(epsilon)))),
  });
  const shift = elementwise(call, [bias, mean, factor], {
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

export const normalizations: OperatorTable = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
};
