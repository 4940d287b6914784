/**
 * Second derivatives that need no whole Hessian, composed from the engine's own: products with vectors, the Laplacian.
 *
 * In: a function of one row with a scalar value. Out: functions for use inside traced functions. Always: a product with
 * a vector costs a small multiple of the gradient, whatever the number of inputs.
 */

import { diagonal, sum } from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import type { Row, Tensor } from "../trace/shapes.ts";
import { hessian, jacobian, jvp } from "../trace/transforms.ts";

/** A function of one row with one number as its value. */
export type ScalarFunction = { bivariant(x: Row): Tensor }["bivariant"];

/** (x, v) → H(x) v, forward over reverse. */
export function hessianVectorProduct(f: ScalarFunction): (x: Row, v: Operand) => Tensor {
  return (x, v) => jvp((at: Row) => jacobian(f)(at), x, v)[1];
}

/** x → Σ ∂²f / ∂xᵢ², the trace of the Hessian. */
export function laplacian(f: ScalarFunction): (x: Row) => Tensor {
  return (x) => sum(diagonal(hessian(f)(x)));
}

/** (x, v) → vᵀ H(x) v, forward over forward: for one direction cheaper than a product. */
export function curvature(f: ScalarFunction): (x: Row, v: Operand) => Tensor {
  return (x, v) => jvp((at: Row) => jvp(f, at, v)[1], x, v)[1];
}
