/**
 * Sums over all rows, inside a function given to `rows`: Σ JᵀJ, a loss and its gradient, counts, means.
 *
 * What they give has no row axis and may be used with shared values and other sums, never with a row's value again.
 */

import { UsageError } from "../errors.ts";
import type { Node } from "../ir/types.ts";
import { asValue } from "./as-value.ts";
import type { Operand } from "./operand.ts";
import { requireScope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { type ShapeOf, valueOf } from "./value.ts";

/**
 * Σ over all rows of x, of x's shape. Products (`rowSum(matmul(J.transpose(), J))`) are added up while rows run; no row's product
 * is stored. Weights are multiplied in: `rowSum(mul(w, x))`.
 */
export function rowSum<O extends Operand>(x: O): Tensor<ShapeOf<O>> {
  checkScope("rowSum");
  return valueOf("rowSum", [asValue("rowSum", x)], (b, [node]) => b.rowSum(node as Node));
}

/** The mean over all rows of x, of x's shape; NaN for no rows. */
export function rowMean<O extends Operand>(x: O): Tensor<ShapeOf<O>> {
  checkScope("rowMean");
  return valueOf("rowMean", [asValue("rowMean", x)], (b, [node]) => {
    const { shape } = node as Node;
    const count = b.broadcast(b.rowSum(b.constant(1)), shape);
    return b.div(b.rowSum(node as Node), count);
  });
}

/** One row's function may be differentiated, and knows nothing of other rows. */
function checkScope(what: string): void {
  if (requireScope(what).parent === undefined) return;
  throw new UsageError(
    "JR348",
    `${what} inside a function that is differentiated or repeated: take derivatives of one row first, then sum: ` +
      "rows((x) => rowSum(jacobian(f)(x)))",
  );
}
