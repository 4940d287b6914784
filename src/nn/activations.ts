/**
 * Activations by name, as plain descriptions: `"tanh"`, `{ name: "softplus", beta: 2 }`.
 *
 * In: a description and a traced value. Out: the value of the same shape. The gains are PyTorch's: the factor by which
 * initial weights make up for what an activation takes from the variance.
 */

import { UsageError } from "../errors.ts";
import * as functions from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import { object, type Rule, text } from "../trace/option-rules.ts";
import type { Tensor } from "../trace/shapes.ts";

/** An activation's name, or its name with a constant. */
export type Activation =
  | ActivationName
  | { readonly name: "leaky"; readonly slope: number }
  | { readonly name: "elu"; readonly alpha: number }
  | { readonly name: "softplus"; readonly beta: number };

/** Names of activations. */
export type ActivationName = keyof typeof table;

/** An option that is an activation; `activate` refuses names that it does not know. */
export const activationRule: Rule = {
  accepts: "the name of an activation, or { name, … }",
  test: (value) => text.test(value) || object.test(value),
};

type Cellwise = (x: Operand) => Tensor;

const table = {
  identity: (x: Operand): Tensor => functions.mul(x, 1),
  relu: functions.relu as Cellwise,
  leaky: (x: Operand): Tensor => functions.leakyRelu(x),
  elu: (x: Operand): Tensor => functions.elu(x),
  softplus: (x: Operand): Tensor => functions.softplus(x),
  tanh: functions.tanh as Cellwise,
  sigmoid: functions.sigmoid as Cellwise,
  gelu: (x: Operand): Tensor => functions.gelu(x),
  silu: functions.silu as Cellwise,
  mish: functions.mish as Cellwise,
  sine: functions.sin as Cellwise,
  cosine: functions.cos as Cellwise,
};

/** The activation of every cell. */
export function activate(activation: Activation, x: Operand): Tensor {
  if (typeof activation === "string") return known(activation)(x);
  switch (activation.name) {
    case "leaky":
      return functions.leakyRelu(x, activation.slope);
    case "elu":
      return functions.elu(x, activation.alpha);
    case "softplus":
      return functions.softplus(x, { beta: activation.beta });
  }
}

function known(name: ActivationName): Cellwise {
  if (Object.hasOwn(table, name)) return table[name];
  throw new UsageError("JR802", `no activation ${String(name)}; there are ${Object.keys(table).join(", ")}`);
}

/** PyTorch's `calculate_gain`; 1 where it knows none. */
export function gainOf(activation: Activation): number {
  const name = typeof activation === "string" ? activation : activation.name;
  if (name === "relu") return Math.SQRT2;
  if (name === "tanh") return 5 / 3;
  if (name !== "leaky") return 1;
  const slope = typeof activation === "object" && activation.name === "leaky" ? activation.slope : 0.01;
  return Math.sqrt(2 / (1 + slope * slope));
}
