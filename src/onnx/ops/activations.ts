/** Activations of the ONNX standard as the IR's stable functions; each row gives the attributes' defaults. */

import type { Builder } from "../../ir/builder.ts";
import { uniformValue } from "../../ir/identities.ts";
import {
  celu,
  clip,
  clipBetween,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  prelu,
  relu,
  selu,
  shrink,
  sigmoid,
  silu,
  softplus,
  softsign,
  thresholdedRelu,
} from "../../ir/library/index.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { elementwise, mapped } from "../elementwise.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

type Activation = (b: Builder, x: Node, call: Call) => Node;

function activation(since: number, emit: Activation): Operator {
  return row(since, (call) => mapped(call, call.input(0), (b, x) => emit(b, x, call)));
}

/** min and max are attributes before opset 11 and optional inputs since. */
const clipOperator: Operator = row(6, (call) => {
  const [min, max] = [call.inputs[1], call.inputs[2]];
  const x = call.input(0);
  const low = call.b.constant(call.float("min", Number.NEGATIVE_INFINITY), [], x.node.cell);
  const high = call.b.constant(call.float("max", Number.POSITIVE_INFINITY), [], x.node.cell);
  const bounds = [min?.node ?? low, max?.node ?? high] as const;
  const [least, most] = bounds.map(uniformValue);
  if (least !== undefined && most !== undefined && x.isFloat)
    return mapped(call, x, (b, node) => clip(b, node, { min: least, max: most }));
  const values = [x, ...[min, max].filter((bound) => bound !== undefined)];
  return elementwise(call, values, { emit: (b, [node]) => bounded(b, node as Node, bounds) });
});

function bounded(b: Builder, x: Node, [min, max]: readonly [Node, Node]): Node {
  if (x.cell === "int") return b.binary("min", b.binary("max", x, min), max);
  return clipBetween(b, x, { min: b.broadcast(min, x.shape), max: b.broadcast(max, x.shape) });
}

const preluOperator: Operator = row(7, (call) =>
  elementwise(call, [call.input(0), call.input(1)], {
    emit: (b, [x, slope]) => prelu(b, x as Node, slope as Node),
  }),
);

const geluOperator = activation(20, (b, x, call) => gelu(b, x, call.text("approximate", "none") === "tanh"));

/** Activations by name. */
export const activations: OperatorTable = {
  Relu: activation(6, relu),
  LeakyRelu: activation(6, (b, x, call) => leakyRelu(b, x, call.float("alpha", 0.01))),
  PRelu: preluOperator,
  Elu: activation(6, (b, x, call) => elu(b, x, call.float("alpha", 1))),
  Celu: activation(12, (b, x, call) => celu(b, x, call.float("alpha", 1))),
  Selu: activation(6, (b, x, call) =>
    selu(b, x, {
      alpha: call.float("alpha", 1.6732632423543772),
      gamma: call.float("gamma", 1.0507009873554805),
    }),
  ),
  Gelu: geluOperator,
  Sigmoid: activation(6, sigmoid),
  HardSigmoid: activation(6, (b, x, call) =>
    hardSigmoid(b, x, { alpha: call.float("alpha", 0.2), beta: call.float("beta", 0.5) }),
  ),
  HardSwish: activation(14, hardSwish),
  Swish: activation(24, (b, x, call) => silu(b, x, call.float("alpha", 1))),
  Mish: activation(18, mish),
  Softplus: activation(1, (b, x) => softplus(b, x)),
  Softsign: activation(1, softsign),
  Shrink: activation(9, (b, x, call) =>
    shrink(b, x, { lambda: call.float("lambd", 0.5), bias: call.float("bias", 0) }),
  ),
  ThresholdedRelu: activation(10, (b, x, call) => thresholdedRelu(b, x, call.float("alpha", 1))),
  Clip: clipOperator,
};
