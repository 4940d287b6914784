/**
 * The logarithm by tables: x = 2^k·m with m in [1, 2), then log x = k·ln 2 − log r + log1p(m·r − 1), r near 1/m by m's top bits.
 *
 * r is 1 and ½ beside 1, elsewhere a float whose logarithm is nearly a float; above 1½ these hold what ln 2 as a float has
 * too much, which k = −1 takes away. No argument is special: the instructions that take floats apart know subnormals, zeros,
 * infinities and signs.
 */

import type { TableLanes } from "../lanes.ts";
import { formatOf, polynomial } from "./format.ts";

/** Near 1/m. */
const inverses = [
  1, 0.914179265, 0.864982545, 0.820661068, 0.780449152, 0.744031608, 0.711086273, 0.681020498, 0.653072298,
  0.627352595, 0.603794754, 0.581767678, 0.561457038, 0.542281389, 0.52460736, 0.5,
];
/** −log of these. */
const logarithms = [
  0, 0.0897285938, 0.145045951, 0.197645083, 0.247885689, 0.295671761, 0.340961516, 0.384162873, 0.426067442,
  0.466246545, 0.504520953, 0.541684091, 0.577220023, 0.611970246, 0.645105183, 0.693147182,
];
/** (log1p(t) − t)/t² on [−1/32, 1/16]. */
const curve = [-0.5, 0.333344519, -0.250061035, 0.188459784];

/** The natural logarithm. */
export function log<V>(l: TableLanes<V>, x: V): V {
  const m = l.mantissa(x);
  const piece = l.shr(m, formatOf(l).fraction - 4);
  const t = l.fma(m, l.permute(inverses, piece), l.constant(-1));
  const rest = l.fma(l.mul(t, t), polynomial(l, curve, t), t);
  return l.add(l.fma(l.exponent(x), l.constant(Math.LN2), l.permute(logarithms, piece)), rest);
}
