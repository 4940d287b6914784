/** Operands as values of the function being traced; masks are refused with what to write instead. */

import { UsageError } from "../errors.ts";
import type { Node } from "../ir/types.ts";
import { Mask } from "./mask.ts";
import type { Operand } from "./operand.ts";
import type { Tensor } from "./shapes.ts";
import { type ShapeOf, Value, valueOf } from "./value.ts";

/** The operand as a value of the function being traced. */
export function asValue<O extends Operand>(what: string, operand: O): Tensor<ShapeOf<O>> {
  if (operand instanceof Mask) {
    throw new UsageError(
      "JR315",
      `${what} takes numbers, not the outcome of a comparison: use where(…) or toFloat(…)`,
    );
  }
  if (operand instanceof Value) return operand as unknown as Tensor<ShapeOf<O>>;
  return valueOf(what, [operand], (_, [x]) => x as Node);
}
