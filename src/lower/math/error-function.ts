/**
 * erf: x + x·p(x²) near 0, else 1 − e^(−a·q(a)), a = |x|, with minimax p and q; where erfc no longer matters, 1.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { addLn2Multiple, expReduced, powerOfTwo, roundedMultiple } from "./exp.ts";
import { atMost, formatOf, polynomial, withSign } from "./format.ts";

/** Constants of erf for one dtype. */
interface ErfTable {
  /** erf x / x − 1 in x², up to `seam`. */
  readonly near: readonly number[];
  /** −log(erfc a)/a, from `seam` to `end`. */
  readonly far: readonly number[];
  /** erf is 1 from here on. */
  readonly end: number;
}

const seam = 0.9;

const tables: Record<Dtype, ErfTable> = {
  f32: {
    near: [0.128379151, -0.376125246, 0.112821408, -0.0267789122, 0.00501196552, -0.000609036477],
    far: [1.12851989, 0.63569957, 0.105286531, -0.022905793, 0.00321989018, -0.000214583342],
    end: 4.1,
  },
  f64: {
    near: [
      0.12837916709551253, -0.37612638903182427, 0.11283791670890454, -0.026866170632788032,
      0.0052239775042514196, -0.00085483200601686434, 0.00012055082653770491, -1.4919842923295019e-5,
      1.6374909041724955e-6, -1.5541147520879472e-7, 1.0249166464345546e-8,
    ],
    far: [
      1.1283790322368004, 0.63662107548921387, 0.10276685780924932, -0.019113236123207325,
      -0.00023582097211212333, 0.0017277482241507983, -0.00061383624179160441, 3.2698764843122156e-5,
      7.2892463616664244e-5, -4.4134257109875526e-5, 1.5425451557908445e-5, -3.7932362077346542e-6,
      6.8111772979761638e-7, -8.8219512179519867e-8, 7.8446708493122177e-9, -4.2957362856697761e-10,
      1.0930084080080332e-11,
    ],
    end: 6,
  },
};

/** The error function. */
export function erf<V>(l: Lanes<V>, x: V): V {
  const { near, far, end } = tables[l.dtype];
  const a = atMost(l, l.abs(x), l.constant(end));
  const small = l.fma(a, polynomial(l, near, l.mul(a, a)), a);
  const decay = l.mul(a, polynomial(l, far, a));
  const { n, t } = roundedMultiple(l, decay, { factor: -Math.LOG2E, offset: formatOf(l).bias });
  const p = expReduced(l, addLn2Multiple(l, decay, { n, unit: 1 }), -1);
  const large = l.sub(l.constant(1), l.mul(p, powerOfTwo(l, t)));
  return withSign(l, l.select(l.lt(a, l.constant(seam)), small, large), x);
}
