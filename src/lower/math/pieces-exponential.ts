/**
 * The exponential family by tables: exp, sigmoid, softplus.
 *
 * x = n·ln 2 + r with n a multiple of 1/16 and |r| ≤ ln 2 / 32, so that e^r − 1 is a cubic; 2^n is looked up for n's fraction
 * and scaled by its whole part, down to the subnormals. sigmoid and softplus begin with e^−|x|, made once for both.
 */

import type { TableLanes } from "../lanes.ts";
import { stretched } from "./exp.ts";
import { atLeast, atMost, clamp, formatOf, polynomial } from "./format.ts";
import { piecewise } from "./piecewise.ts";

/** A float that has 4 fraction bits: adding it rounds to sixteenths, which then sit in the low bits. */
const sixteenths = 1.5 * 2 ** 19;
/** All multiples of the powers by this are nearly floats, within 0.15 ulp. */
const nudge = 0.9994449188783695;
const powers: readonly number[] = Array.from({ length: 16 }, (_, index) => nudge * 2 ** (index / 16));
/** ln 2 = high + low, where n·high is exact for every n that occurs. */
const ln2 = { high: 0.693145751953125, low: 1.42860676533018e-6 } as const;
/** e^r/nudge − 1. */
const curve = [1 - nudge, 1, 0.500016153, 0.166667178].map((c) => c / nudge);
/** e^x is 0 below and infinite above. */
const range = [-104, 89] as const;

/** log1p(u)/u − 1 in u, for 16 equal ranges of a power of two near u. */
const softplusPieces: readonly (readonly number[])[] = [
  [
    -3.49432838e-8, -1.12224079e-5, -7.06692954e-5, -0.000242821727, -0.000571391836, -0.00106146932,
    -0.00168966199, -0.0026556747, -0.0038435047, -0.00519454107, -0.00693924492, -0.0086932024,
    -0.0108201569, -0.0126895132, -0.0148401177, -0.0177130383,
  ],
  [
    -0.499986887, -0.499494076, -0.49809736, -0.495376498, -0.491506606, -0.486868024, -0.481851101,
    -0.475196421, -0.468117207, -0.460923254, -0.452615857, -0.445020556, -0.436573982, -0.429701298,
    -0.422265112, -0.413033009,
  ],
  [
    0.332374662, 0.324860096, 0.313833296, 0.299425483, 0.284191489, 0.2695342, 0.256166279, 0.240871251,
    0.226799116, 0.214024514, 0.200833187, 0.189866245, 0.178681746, 0.170258015, 0.161685944, 0.151794568,
  ],
  [
    -0.225994691, -0.186197594, -0.156949803, -0.131387651, -0.111344814, -0.0958827883, -0.0839986429,
    -0.0722695813, -0.0629398376, -0.0553747974, -0.0483894348, -0.0431093499, -0.0381711796, -0.0347290672,
    -0.031434726, -0.0279013421,
  ],
];

/** x = n·ln 2 + r: 2^n·nudge is to be looked up by t and scaled by n; e^r/nudge − 1. */
interface Parts<V> {
  readonly t: V;
  readonly n: V;
  readonly rest: V;
}

/** The parts of e^(sign·x), sign·x within the range. */
function partsOf<V>(l: TableLanes<V>, x: V, sign: 1 | -1): Parts<V> {
  const magic = l.constant(sixteenths);
  const t = l.fma(x, l.constant(sign * Math.LOG2E), magic);
  const n = l.sub(t, magic);
  const r = l.fma(n, l.constant(-sign * ln2.low), l.fma(n, l.constant(-sign * ln2.high), x));
  const rest = polynomial(l, stretched(curve, sign), r);
  return { t, n, rest };
}

/** e^x: scaled last, for 2^n may be infinite where e^x is not. */
export function exp<V>(l: TableLanes<V>, x: V): V {
  const { t, n, rest } = partsOf(l, clamp(l, x, range), 1);
  const power = l.permute(powers, t);
  return l.scale(l.fma(power, rest, power), n);
}

/** e^−|x|, and a power of two near it that is known earlier. */
function decay<V>(l: TableLanes<V>, x: V): { u: V; power: V } {
  const { t, n, rest } = partsOf(l, atMost(l, l.abs(x), l.constant(-range[0])), -1);
  const power = l.scale(l.permute(powers, t), n);
  return { u: l.fma(power, rest, power), power };
}

/** c − c·u/(1 + u), c = 1 or, for x < 0, c = u = e^−|x|: what rounding the quotient loses counts less than its share. */
export function sigmoid<V>(l: TableLanes<V>, x: V): V {
  const one = l.constant(1);
  const { u } = decay(l, x);
  const whole = l.select(l.lt(x, l.constant(0)), u, one);
  return l.fnma(l.div(u, l.add(one, u)), whole, whole);
}

/** log(1 + e^x) = max(x, 0) + u + u·(log1p(u)/u − 1), u = e^−|x|. */
export function softplus<V>(l: TableLanes<V>, x: V): V {
  const { u, power } = decay(l, x);
  const piece = l.shr(l.add(power, l.constant(1)), formatOf(l).fraction - 4);
  const bend = piecewise(l, softplusPieces, { piece, x: u });
  return l.add(l.fma(u, bend, u), atLeast(l, x, l.constant(0)));
}
