/**
 * The gradient of a loss of one row with respect to shared parameters, inside a function being traced.
 *
 * In: a loss `(parameters, row) => scalar`, which may contain Jacobians and Hessians. Out: the loss and one gradient per
 * parameter, for this row. Sums over rows are the caller's: `rowSum` of each keeps no row's gradient.
 */

import { UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import type { Tensor } from "../trace/shapes.ts";
import { type Structure, unflatten } from "../trace/structure.ts";
import { valueAndJacobian } from "../trace/transforms.ts";
import type { ParameterTree, Traced } from "./tree.ts";

/** The values of one row by name, as a loss sees them. */
export type RowValues = Readonly<Record<string, Tensor>>;

/** What one row adds to the loss: a scalar. */
export type Loss<P extends ParameterTree, R extends RowValues = RowValues> = (
  parameters: Traced<P>,
  row: R,
) => Tensor;

/** The loss of one row and its gradient by each parameter. */
export interface LossAndGradient {
  readonly loss: Tensor;
  readonly gradient: readonly Tensor[];
}

/** Differentiates a loss by all parameters, given as the leaves of a structure. */
export function lossAndGradient<P extends ParameterTree, R extends RowValues>(
  loss: Loss<P, R>,
  structure: Structure,
  { leaves, row }: { leaves: readonly Tensor[]; row: R },
): LossAndGradient {
  const ofLeaves = (...own: Tensor[]): Tensor => {
    const value = loss(unflatten(structure, (index) => own[index]) as Traced<P>, row);
    return scalar(value);
  };
  const both = valueAndJacobian(ofLeaves, { wrt: leaves.map((_, index) => index), allowZero: true });
  const [value, slopes] = both(...leaves) as unknown as [Tensor, Tensor | readonly Tensor[]];
  return { loss: value, gradient: Array.isArray(slopes) ? (slopes as Tensor[]) : [slopes as Tensor] };
}

function scalar(value: Tensor): Tensor {
  if (value?.shape?.length === 0) return value;
  const found = value?.shape === undefined ? "nothing" : `a value of shape ${showShape(value.shape)}`;
  throw new UsageError("JR810", `a loss gives one number per row, got ${found}: write sum(…) or mean(…)`);
}
