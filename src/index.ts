/**
 * `jacrow`: row-wise Jacobians Z[i, j, k] = ∂Y[i, j] / ∂X[i, k] of functions of one row.
 *
 * Everything here runs in browsers and in Node; nothing reachable from here imports `node:`.
 */

export { type CheckOptions, type CheckReport, checkJacobian } from "./api/check.ts";
export type { Difference } from "./api/differences.ts";
export { jacrow, type ModelArguments, type ModelViews, rows } from "./api/jacrow.ts";
export { findKinks, type KinkOptions, type KinkReport, type NearKink, type NearRow } from "./api/kinks.ts";
export type {
  BindSpec,
  Bound,
  CompileSpec,
  ExplainSpec,
  Given,
  InputShapes,
  JacrowOptions,
  Nest,
  RowMap,
  RunInfo,
  RunOptions,
  ShapeSpec,
  SparsityPattern,
  SyncOptions,
} from "./api/types.ts";
export { type FloatType, NdArray, type Nested, type RowsInput } from "./data/ndarray.ts";
export { InternalError, JacrowError, UnsupportedError, UsageError } from "./errors.ts";
export { type CustomRule, custom } from "./trace/custom.ts";
export * from "./trace/functions.ts";
export type { Mask } from "./trace/mask.ts";
export type { Operand } from "./trace/operand.ts";
export type { Port, RowFunction } from "./trace/row-function.ts";
export { rowMean, rowSum } from "./trace/row-sums.ts";
export { scan } from "./trace/scan.ts";
export type { Matrix, Row, Scalar, Shape, Tensor } from "./trace/shapes.ts";
export { type SmoothOptions, smooth } from "./trace/smooth.ts";
export {
  hessian,
  type JacobianOptions,
  jacobian,
  jvp,
  linearize,
  valueAndJacobian,
  vjp,
} from "./trace/transforms.ts";
export type { Value } from "./trace/value.ts";
