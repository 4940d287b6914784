/**
 * Layers as plain descriptions, their initial parameters, and the traced function that applies them to one row.
 *
 * In: `dense(…)`, `sequential([…])`, … ; a seed; parameters (arrays or traced values) and a value of one row. Out: trees
 * of parameters named as PyTorch names them; traced values. Always: a layer is frozen data and holds no numbers itself.
 */

import { UsageError } from "../errors.ts";
import { add, flatten, matmul, layerNorm as normalised, reshape } from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import { flag, number, object, oneOf, type Rules, type RulesFor, wholes } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import type { Tensor } from "../trace/shapes.ts";
import { type Activation, activate, activationRule, gainOf } from "./activations.ts";
import { type ConvolutionOptions, convolutionOf, windowRules } from "./convolution.ts";
import { drawBiases, drawWeights, type Initialiser } from "./initialise.ts";
import { Random } from "./random.ts";
import { checkSizes, sizeRule } from "./sizes.ts";
import type { OperandTree, Parameter, ParameterData, ParameterTree } from "./tree.ts";

interface Weighted {
  /** Applied to the result; none by default. */
  readonly activation?: Activation;
  /** False: no bias. */
  readonly bias?: boolean;
  /** Overrides the initialiser of the whole network. */
  readonly init?: Initialiser;
}

/** y = activation(W x + b). */
export interface Dense extends Weighted {
  readonly kind: "dense";
  readonly inputs: number;
  readonly outputs: number;
}

/** A cross-correlation over one or more axes of places. */
export interface Convolution extends Weighted, ConvolutionOptions {
  readonly kind: "convolution";
  readonly channels: number;
  readonly features: number;
  /** Cells of the window per axis. */
  readonly window: readonly number[];
}

/** (x − mean) / √(variance + ε) · weight + bias over the last axes. */
export interface LayerNorm {
  readonly kind: "layerNorm";
  readonly shape: readonly number[];
  readonly epsilon?: number;
}

/** An activation alone. */
export interface Activated {
  readonly kind: "activation";
  readonly activation: Activation;
}

/** All cells in one axis. */
export interface Flattened {
  readonly kind: "flatten";
}

/** x + inner(x). */
export interface Residual {
  readonly kind: "residual";
  readonly inner: Layer;
}

/** One layer after the other. */
export interface Sequential {
  readonly kind: "sequential";
  readonly layers: readonly Layer[];
}

/** A description of what is applied to one row. */
export type Layer = Dense | Convolution | LayerNorm | Activated | Flattened | Residual | Sequential;

type Described<L extends Layer> = Omit<L, "kind">;

const weightedRules: RulesFor<Weighted> = { activation: activationRule, bias: flag, init: object };
const denseRules: RulesFor<Described<Dense>> = { inputs: sizeRule, outputs: sizeRule, ...weightedRules };
const convolutionRules: RulesFor<Described<Convolution>> = {
  channels: sizeRule,
  features: sizeRule,
  window: wholes,
  ...windowRules,
  ...weightedRules,
};
const layerNormRules: RulesFor<Described<LayerNorm>> = { shape: wholes, epsilon: number };
const initialRules: RulesFor<InitialOptions> = { seed: number, init: object, dtype: oneOf("f32", "f64") };

function described<K extends Layer["kind"], O extends object>(
  kind: K,
  rules: Rules,
  options: O,
): Readonly<O & { kind: K }> {
  checkOptions(kind, { ...rules, kind: oneOf(kind) }, options);
  return Object.freeze({ kind, ...options });
}

/** A dense layer. */
export const dense = (options: Described<Dense>): Dense => described("dense", denseRules, options);
/** A convolution. */
export const convolution = (options: Described<Convolution>): Convolution =>
  described("convolution", convolutionRules, options);
/** A layer norm over the last axes. */
export const layerNorm = (options: Described<LayerNorm>): LayerNorm =>
  described("layerNorm", layerNormRules, options);
/** An activation as a layer of its own. */
export const activation = (which: Activation): Activated =>
  Object.freeze({ kind: "activation", activation: which });
/** A layer that makes vectors. */
export const flattened = (): Flattened => Object.freeze({ kind: "flatten" });
/** x + inner(x). */
export const residual = (inner: Layer): Residual => Object.freeze({ kind: "residual", inner });
/** Layers one after the other. */
export const sequential = (layers: readonly Layer[]): Sequential =>
  Object.freeze({ kind: "sequential", layers: Object.freeze([...layers]) });

/** How initial parameters are made. */
export interface InitialOptions {
  readonly seed?: number;
  /** For layers without an initialiser of their own; xavier by default. */
  readonly init?: Initialiser;
  /** The width of the numbers, and of the training with them; "f32" by default. */
  readonly dtype?: "f32" | "f64";
}

interface Drawing {
  readonly random: Random;
  readonly init: Initialiser;
  readonly dtype: "f32" | "f64";
}

/** Initial parameters of a layer: the same for the same seed, everywhere. */
export function initialParameters(layer: Layer, options: InitialOptions = {}): ParameterTree {
  checkOptions("initialParameters", initialRules, options);
  const { seed = 0, init = { kind: "xavier" }, dtype = "f32" } = options;
  return initial(layer, { random: new Random(seed), init, dtype });
}

function initial(layer: Layer, drawing: Drawing): ParameterTree {
  switch (layer.kind) {
    case "dense": {
      const { inputs, outputs } = layer;
      checkSizes("a dense layer", { inputs, outputs });
      return weighted(layer, [outputs, inputs], drawing);
    }
    case "convolution": {
      const { channels, features } = layer;
      checkSizes("a convolution", { channels, features });
      const each = layer.channels / (layer.groups ?? 1);
      return weighted(layer, [layer.features, each, ...layer.window], drawing);
    }
    case "layerNorm":
      return { weight: filled(layer.shape, 1, drawing), bias: filled(layer.shape, 0, drawing) };
    case "residual":
      return { inner: initial(layer.inner, drawing) };
    case "sequential":
      return layer.layers.map((one) => initial(one, drawing));
    case "activation":
    case "flatten":
      return {};
    default:
      throw unknownLayer(layer);
  }
}

function weighted(layer: Weighted, shape: readonly number[], drawing: Drawing): ParameterTree {
  const init = layer.init ?? drawing.init;
  const gain = gainOf(layer.activation ?? "identity");
  const numbers = drawWeights(init, shape, { random: drawing.random, gain });
  const weight = { data: inDtype(numbers, drawing.dtype), shape };
  if (layer.bias === false) return { weight };
  const biases = drawBiases(init, shape[0] as number, drawing.random);
  return { weight, bias: { data: inDtype(biases, drawing.dtype), shape: shape.slice(0, 1) } };
}

function filled(shape: readonly number[], value: number, { dtype }: Drawing): Parameter {
  const size = shape.reduce((product, length) => product * length, 1);
  return { data: inDtype(new Float64Array(size).fill(value), dtype), shape };
}

function inDtype(numbers: Float64Array, dtype: "f32" | "f64"): ParameterData {
  return dtype === "f32" ? Float32Array.from(numbers) : Float64Array.from(numbers);
}

/** The layer's value for one row; parameters are traced values, or arrays taken as constants. */
export function applyLayer(layer: Layer, parameters: OperandTree, x: Tensor): Tensor {
  switch (layer.kind) {
    case "dense":
      return finished(layer, parameters, matmul(entry(parameters, "weight"), x));
    case "convolution":
      return finished(layer, parameters, convolutionOf(x, entry(parameters, "weight"), layer));
    case "layerNorm":
      return normal(layer, parameters, x);
    case "residual":
      return add(x, applyLayer(layer.inner, inside(parameters, "inner"), x));
    case "sequential":
      return layer.layers.reduce((value, one, index) => applyLayer(one, inside(parameters, index), value), x);
    case "activation":
      return activate(layer.activation, x);
    case "flatten":
      return flatten(x);
    default:
      throw unknownLayer(layer);
  }
}

/** Adds the bias, one per feature, and activates. */
function finished(layer: Weighted, parameters: OperandTree, value: Tensor): Tensor {
  const places = value.shape.length - 1;
  const bias = (): Tensor => reshape(entry(parameters, "bias"), [-1, ...Array<number>(places).fill(1)]);
  const sum = layer.bias === false ? value : add(value, bias());
  return layer.activation === undefined ? sum : activate(layer.activation, sum);
}

function normal({ shape, epsilon }: LayerNorm, parameters: OperandTree, x: Tensor): Tensor {
  return normalised(x, {
    axis: shape.map((_, index) => index - shape.length),
    scale: entry(parameters, "weight"),
    bias: entry(parameters, "bias"),
    ...(epsilon !== undefined && { epsilon }),
  });
}

function inside(tree: OperandTree, key: string | number): OperandTree {
  const found: unknown = Reflect.get(tree as object, key);
  if (found !== undefined) return found as OperandTree;
  throw new UsageError("JR805", `the parameters have no ${key}: they belong to another network`);
}

function entry(tree: OperandTree, key: string): Operand {
  return inside(tree, key) as Operand;
}

function unknownLayer(layer: never): UsageError {
  const { kind } = layer as { kind?: unknown };
  return new UsageError(
    "JR806",
    `no layer of kind ${String(kind)}: use dense(…), sequential([…]) and the like`,
  );
}
