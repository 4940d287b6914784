/**
 * Operations on int lanes, of which WebAssembly offers only some (and fewer for 64 bits).
 *
 * Ints are 32 bits wide in f32 programs and 64 in f64 ones. Division goes through floats, exact for |values|
 * below 2²⁴ (f32) and 2⁵¹ (f64): indices and counters, which is what ints are for.
 */

import type { IntegerOp } from "../target.ts";
import type { Value } from "./context.ts";
import type { WasmLanes } from "./lanes.ts";

/** The result of `op` on int lanes. */
export function integerOp(l: WasmLanes, op: IntegerOp, operands: readonly Value[]): Value {
  const [a, b] = operands as readonly [Value, Value];
  switch (op) {
    case "lt":
      return l.integers("lt_s", operands);
    case "le":
      return l.integers("le_s", operands);
    case "min":
      return l.select(l.integers("lt_s", [a, b]), a, b);
    case "max":
      return l.select(l.integers("lt_s", [a, b]), b, a);
    case "sign":
      return l.isub(l.integers("lt_s", [a, l.bits(0n)]), l.integers("lt_s", [l.bits(0n), a]));
    case "div":
      return l.floatToInt(l.floor(l.div(l.intToFloat(a), l.intToFloat(b))));
    case "mod":
      return l.isub(a, l.imul(b, integerOp(l, "div", operands)));
    default:
      return l.integers(op, operands);
  }
}
