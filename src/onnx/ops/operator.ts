/**
 * What a row of the operator table is.
 *
 * `since` is the oldest opset of the operator's domain whose rules the row follows; older nodes are refused by name.
 * Rows that cover several opsets read an input where newer ones have it and the attribute where older ones had it.
 */

import type { Call } from "../call.ts";
import type { Value } from "../value.ts";

/** One operator. */
export interface Operator {
  readonly since: number;
  /** The node's outputs, in order; trailing ones may be missing. */
  readonly import: (call: Call) => Value | readonly Value[];
}

/** Operators by name; those outside the main domain as `domain.Name`. */
export type OperatorTable = Readonly<Record<string, Operator>>;

/** Most opsets: a row that needs only a since and a function. */
export function row(since: number, run: Operator["import"]): Operator {
  return { since, import: run };
}
