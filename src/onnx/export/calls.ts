/**
 * Stable functions that ONNX has as operators.
 *
 * In: a call. Out: the operator, with the call's attributes. Names that are not here, or are newer than the opset, are
 * written as their bodies. Always: the operator's value is the body's; derivatives are nodes of their own by now.
 */

import { at, range } from "../../ir/shape.ts";
import type { CallNode, Shape } from "../../ir/types.ts";
import { softplus } from "./elementwise.ts";
import type { Emitted, Emitter } from "./emitter.ts";
import type { Attribute, FloatWidth } from "./writer.ts";

interface Rule {
  /** The first opset that has the operator as it is written here. */
  readonly since?: number;
  /** Its parts are read by derivatives too, so that it is written whole only where there are none. */
  readonly valueOnly?: boolean;
  /** Its attributes are floats, which ONNX stores in 32 bits: in float64 the body says them in full. */
  readonly single?: boolean;
  emit(e: Emitter, node: CallNode, args: readonly Emitted[]): Emitted;
}

type Attributes = (node: CallNode) => Readonly<Record<string, Attribute>>;

const float = (node: CallNode, name: string): Attribute => ({ float: node.callee.attributes[name] ?? 0 });

/** An elementwise operator with float attributes of these names: `alpha` from the call's `slope`. */
function parameterised(operator: string, names: Readonly<Record<string, string>>): Rule {
  const attributes: Attributes = (node) =>
    Object.fromEntries(Object.entries(names).map(([name, own]) => [name, float(node, own)]));
  return { ...plain(operator, attributes), single: true };
}

/** An elementwise operator with attributes. */
function plain(operator: string, attributes: Attributes = () => ({})): Rule {
  return {
    emit: (e, node, args) =>
      e.make(operator, args, { ...at(args, 0), shape: node.shape, attributes: attributes(node) }),
  };
}

/** An operator along one axis. */
const along = (operator: string): Rule => ({
  emit: (e, node, args) => {
    const x = at(args, 0);
    return e.make(operator, args, {
      ...x,
      attributes: { axis: e.axis(x, node.callee.attributes["axis"] ?? 0) },
    });
  },
});

/** The axes of a norm, which leave the shape. */
function normAxes({ callee }: CallNode, { length }: Shape): number[] {
  return range(length).flatMap((index) => callee.attributes[`axis${index}`] ?? []);
}

const rules: Readonly<Record<string, Rule>> = {
  sigmoid: plain("Sigmoid"),
  softplus: { emit: (e, _, args) => softplus(e, at(args, 0)) },
  softsign: plain("Softsign"),
  relu: plain("Relu"),
  leakyRelu: parameterised("LeakyRelu", { alpha: "slope" }),
  elu: parameterised("Elu", { alpha: "alpha" }),
  selu: parameterised("Selu", { alpha: "alpha", gamma: "gamma" }),
  celu: parameterised("Celu", { alpha: "alpha" }),
  hardSwish: plain("HardSwish"),
  hardSigmoid: parameterised("HardSigmoid", { alpha: "alpha", beta: "beta" }),
  mish: { ...plain("Mish"), since: 18, valueOnly: true },
  gelu: { ...plain("Gelu"), since: 20, valueOnly: true },
  geluTanh: { ...plain("Gelu", () => ({ approximate: "tanh" })), since: 20, valueOnly: true },
  softmax: along("Softmax"),
  logSoftmax: along("LogSoftmax"),
  clip: {
    emit: (e, node, args) => {
      const bound = (name: "min" | "max"): Emitted | string => {
        const value = node.callee.attributes[name] ?? Number.NaN;
        return Number.isFinite(value) ? e.number(value) : "";
      };
      const x = at(args, 0);
      return e.make("Clip", [x, bound("min"), bound("max")], { ...x, shape: node.shape });
    },
  },
  norm2: {
    emit: (e, node, args) => {
      const x = at(args, 0);
      const axes = normAxes(node, x.shape).map((axis) => e.axis(x, axis));
      const given = e.writer.opset >= 18;
      return e.make("ReduceL2", given ? [x, e.writer.ints(axes)] : [x], {
        ...x,
        shape: node.shape,
        attributes: { keepdims: 0, ...(given ? {} : { axes }) },
      });
    },
  },
};

/** What decides whether a call is written whole. */
export interface CallPolicy {
  readonly opset: number;
  readonly width: FloatWidth;
  readonly derivatives: boolean;
}

/** Is a call of this name written as an operator? */
export function isOperator(name: string, { opset, width, derivatives }: CallPolicy): boolean {
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
  if (rule === undefined || (rule.since ?? 0) > opset) return false;
  return !(derivatives && rule.valueOnly === true) && !(width === "f64" && rule.single === true);
}

/** The operator of a call that `isOperator` accepts. */
export function emitCall(e: Emitter, node: CallNode): Emitted | undefined {
  return rules[node.callee.name]?.emit(
    e,
    node,
    node.args.map((arg) => e.of(arg)),
  );
}
