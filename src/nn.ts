/**
 * `jacrow/nn`: differential networks, trained through their Jacobians and Hessians.
 *
 * Layers and initial parameters as plain data, gradients of losses over rows, training, weights by name. Everything here
 * runs in browsers and in Node; files are bytes, to be read and written by the caller.
 */

import { provideFeatures } from "./codegen/features.ts";
import { readSafetensors, writeSafetensors } from "./data/safetensors.ts";
import { readState, type TrainingState, writeState } from "./nn/training-state.ts";
import type { ParameterTree } from "./nn/tree.ts";
import { type LoadWeightsOptions, loadWeights, namedParameters } from "./nn/weights.ts";

provideFeatures();

export {
  type GivenRows,
  type Gradient,
  type GradientMap,
  type GradientOptions,
  grad,
  type RowGradients,
} from "./api/gradient.ts";
export { progressLine, type Trained, train } from "./api/train.ts";
export type { EpochReport, TrainOptions } from "./api/training.ts";
export { type Activation, type ActivationName, activate, gainOf } from "./nn/activations.ts";
export { cholesky, determinant, inverse, isSingular, logDeterminant, solve } from "./nn/algebra.ts";
export { type ConvolutionOptions, convolve } from "./nn/convolution.ts";
export {
  type Differential,
  type DifferentialNetwork,
  type DifferentialNetworkOptions,
  differentialNetwork,
  type LayerOf,
} from "./nn/differential-network.ts";
export { stackTrees } from "./nn/ensemble.ts";
export type { Loss, RowValues } from "./nn/gradient.ts";
export { curvature, hessianVectorProduct, laplacian, type ScalarFunction } from "./nn/higher-order.ts";
export { drawBiases, drawWeights, type Initialiser } from "./nn/initialise.ts";
export {
  type Activated,
  activation,
  applyLayer,
  type Convolution,
  convolution,
  type Dense,
  dense,
  type Flattened,
  flattened,
  type InitialOptions,
  initialParameters,
  type Layer,
  type LayerNorm,
  layerNorm,
  type Residual,
  residual,
  type Sequential,
  sequential,
} from "./nn/layers.ts";
export { type Adam, adam, type Optimiser, type OptimiserState, type Sgd, sgd } from "./nn/optimisers.ts";
export { Random, type RandomState } from "./nn/random.ts";
export {
  type BestSoFar,
  constantRate,
  cosineDecay,
  exponentialDecay,
  type Progress,
  type Schedule,
  type Stopping,
  stepDecay,
} from "./nn/schedules.ts";
export type { TrainingState } from "./nn/training-state.ts";
export {
  countParameters,
  type NestOf,
  type OperandTree,
  type Parameter,
  type ParameterData,
  type ParameterTree,
  type Traced,
  type TreeOf,
} from "./nn/tree.ts";
export {
  type LoadWeightsOptions,
  loadWeights,
  type NamedTensor,
  type NamedTensors,
  namedParameters,
} from "./nn/weights.ts";

/** Parameters as the bytes of a `.safetensors` file, under PyTorch's names. */
export function saveParameters(tree: ParameterTree): Uint8Array<ArrayBuffer> {
  return writeSafetensors(namedParameters(tree));
}

/** A tree like `parameters` with the numbers of a `.safetensors` file. */
export function loadParameters<P extends ParameterTree>(
  parameters: P,
  bytes: Uint8Array,
  options?: LoadWeightsOptions,
): P {
  return loadWeights(parameters, readSafetensors(bytes).tensors, options);
}

/** A training's state as the bytes of a `.safetensors` file. */
export function saveTraining(state: TrainingState): Uint8Array<ArrayBuffer> {
  const { tensors, metadata } = writeState(state);
  return writeSafetensors(tensors, metadata);
}

/** The state that was saved, for parameters of this structure. */
export function loadTraining<P extends ParameterTree>(parameters: P, bytes: Uint8Array): TrainingState<P> {
  return readState(readSafetensors(bytes), parameters);
}
