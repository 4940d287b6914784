/**
 * Second derivatives that need no whole Hessian, composed from the engine's own: products with vectors, the Laplacian.
 *
 * In: a function of one row with a scalar value. Out: functions for use inside traced functions. Always: a product with
 * a vector costs a small multiple of the gradient, whatever the number of inputs; a Laplacian costs one sweep more than the Jacobian.
 */

import { reshape, trace } from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import type { Row, Tensor } from "../trace/shapes.ts";
import { hessian, jacobian, jvp } from "../trace/transforms.ts";

/** A function of one row with one number as its value. */
export type ScalarFunction = { bivariant(x: Row): Tensor }["bivariant"];

/** (x, v) → H(x) v, forward over reverse. */
export function hessianVectorProduct(f: ScalarFunction): (x: Row, v: Operand) => Tensor {
  return (x, v) => jvp((at: Row) => jacobian(f)(at), x, v)[1];
}

/** x → Σ ∂²f / ∂xᵢ², the trace of every output's Hessian, which is not formed; f's value may have any shape. */
export function laplacian(f: ScalarFunction): (x: Row) => Tensor {
  return (x) => {
    const matrices = hessian(f)(x);
    const inputs = x.shape.reduce((size, axis) => size * axis, 1);
    const outputs = matrices.shape.slice(0, matrices.shape.length - 2 * x.shape.length);
    return trace(reshape(matrices, [...outputs, inputs, inputs]));
  };
}

/** (x, v) → vᵀ H(x) v, forward over forward: for one direction cheaper than a product. */
export function curvature(f: ScalarFunction): (x: Row, v: Operand) => Tensor {
  return (x, v) => jvp((at: Row) => jvp(f, at, v)[1], x, v)[1];
}
