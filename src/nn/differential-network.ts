/**
 * The differential network: a multilayer perceptron with its Jacobian, and on request its Hessian, for every row.
 *
 * In: sizes, an activation, an initialiser and a seed. Out: a definition, initial parameters and traced functions of
 * (parameters, row). Always: value and derivatives share one pass over the row; the last layer is linear.
 */

import { reshape } from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import { number, object, oneOf, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import type { Tensor } from "../trace/shapes.ts";
import { hessian, valueAndJacobian } from "../trace/transforms.ts";
import { type Activation, activationRule } from "./activations.ts";
import { applyMembers, stackTrees } from "./ensemble.ts";
import type { Initialiser } from "./initialise.ts";
import { applyLayer, type Dense, dense, initialParameters, type Sequential, sequential } from "./layers.ts";
import { checkSizes, sizeRule } from "./sizes.ts";
import type { OperandTree, Parameter } from "./tree.ts";

/** Sizes and initial numbers of a differential network. */
export interface DifferentialNetworkOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Cells of each hidden layer. */
  readonly width: number;
  /** Hidden layers; 1 by default. */
  readonly depth?: number;
  /** Of the hidden layers; "softplus" by default. */
  readonly activation?: Activation;
  /** xavier by default. */
  readonly init?: Initialiser;
  readonly seed?: number;
  /** Networks that are evaluated together, with seeds of their own; results gain a first axis. */
  readonly members?: number;
  /** The width of the numbers; "f32" by default. */
  readonly dtype?: "f32" | "f64";
}

/** Weight and bias of one dense layer, as arrays or traced values. */
export type LayerOf<T> = { readonly weight: T; readonly bias: T };

/** A value with its derivatives: (…outputs), (…outputs, inputs), (…outputs, inputs, inputs). */
export interface Differential {
  readonly value: Tensor;
  readonly jacobian: Tensor;
}

/** A differential network. */
export interface DifferentialNetwork {
  readonly definition: Sequential;
  /** Initial parameters, one entry per dense layer. */
  readonly parameters: readonly LayerOf<Parameter>[];
  /** The value alone. */
  value(parameters: OperandTree, x: Operand): Tensor;
  /** Value and Jacobian. */
  apply(parameters: OperandTree, x: Operand): Differential;
  /** Value, Jacobian and Hessian. */
  second(parameters: OperandTree, x: Operand): Differential & { readonly hessian: Tensor };
}

const rules: RulesFor<DifferentialNetworkOptions> = {
  inputs: sizeRule,
  outputs: sizeRule,
  width: sizeRule,
  depth: sizeRule,
  activation: activationRule,
  init: object,
  seed: number,
  members: sizeRule,
  dtype: oneOf("f32", "f64"),
};

/** A multilayer perceptron with its derivatives. */
export function differentialNetwork(options: DifferentialNetworkOptions): DifferentialNetwork {
  checkOptions("differentialNetwork", rules, options);
  const { members, inputs } = options;
  const layers = layersOf(options);
  const definition = sequential(layers);
  const value = (parameters: OperandTree, x: Operand): Tensor => {
    const row = reshape(x, [inputs]);
    return members === undefined
      ? applyLayer(definition, parameters, row)
      : applyMembers(layers, parameters, row);
  };
  const apply = (parameters: OperandTree, x: Operand): Differential => {
    const [y, slope] = valueAndJacobian((row: Tensor) => value(parameters, row))(reshape(x, [inputs]));
    return { value: y, jacobian: slope };
  };
  const second = (parameters: OperandTree, x: Operand): Differential & { readonly hessian: Tensor } => ({
    ...apply(parameters, x),
    hessian: hessian((row: Tensor) => value(parameters, row))(reshape(x, [inputs])),
  });
  return Object.freeze({ definition, parameters: initialLayers(definition, options), value, apply, second });
}

function layersOf({
  inputs,
  outputs,
  width,
  depth = 1,
  activation = "softplus",
}: DifferentialNetworkOptions): Dense[] {
  checkSizes("differentialNetwork", { inputs, outputs, width });
  checkSizes("differentialNetwork", { depth }, 0);
  const sizes = [inputs, ...Array<number>(depth).fill(width)];
  const hidden = sizes
    .slice(1)
    .map((size, index) => dense({ inputs: sizes[index] as number, outputs: size, activation }));
  return [...hidden, dense({ inputs: sizes.at(-1) as number, outputs })];
}

function initialLayers(
  definition: Sequential,
  { seed = 0, members, init, dtype }: DifferentialNetworkOptions,
): readonly LayerOf<Parameter>[] {
  const made = (own: number) =>
    initialParameters(definition, {
      seed: own,
      ...(init && { init }),
      ...(dtype && { dtype }),
    }) as unknown as readonly LayerOf<Parameter>[];
  if (members === undefined) return made(seed);
  checkSizes("differentialNetwork", { members });
  const all = Array.from({ length: members }, (_, member) => made(seed + member));
  return stackTrees(all as unknown as Parameter[]) as unknown as readonly LayerOf<Parameter>[];
}
