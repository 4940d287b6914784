/**
 * Functions in pieces: a polynomial of low degree for each of 16 ranges, its coefficients looked up by the bits of the argument.
 *
 * In: lanes that look up tables held in registers (AVX-512). Out: expressions with no division. The tables are printed by
 * scripts/math/pieces.py.
 */

import type { TableFormula, TableLanes } from "../lanes.ts";
import { atMost, formatOf, withSign } from "./format.ts";
import { exp, sigmoid, softplus } from "./pieces-exponential.ts";
import { log } from "./pieces-logarithm.ts";
import { piecewise } from "./piecewise.ts";

/** The piece of a is chosen by the exponent and the top two fraction bits of a + offset, which is below 10. */
const tanhOffset = 0.625;
const tanhSaturation = 9.23;

/** Centres of the pieces, where tanh is nearly a float. */
const tanhCentres = [
  1.62585306, 2.12780285, 2.6324563, 3.11965466, 3.89933777, 4.85126781, 5.85232687, 6.88666534, 8.31776619,
  0, 0.187471583, 0.312523425, 0.499970794, 0.750143766, 0.999658525, 1.24971187,
];
/** Coefficients of the distance to them, lowest power first. */
const tanhPieces: readonly (readonly number[])[] = [
  [
    0.925468743, 0.972027779, 0.98971349, 0.996105194, 0.99917978, 0.999877751, 0.99998349, 0.999997914,
    0.999999881, 0, 0.185305759, 0.302731007, 0.462094188, 0.635234714, 0.761450708, 0.848202825,
  ],
  [
    0.143507496, 0.0551619902, 0.0204672273, 0.00777443964, 0.00163991295, 0.000244476425, 3.30198527e-5,
    4.17256751e-6, 2.38319132e-7, 1, 0.965661764, 0.908353925, 0.786468983, 0.596476853, 0.420192808,
    0.28055197,
  ],
  [
    -0.132818803, -0.0536180772, -0.0202556215, -0.00774365198, -0.00163652049, -0.00024416612,
    -3.29810864e-5, -4.16720877e-6, -2.33663883e-7, 2.97395616e-7, -0.178942293, -0.274986416, -0.363417447,
    -0.378902704, -0.319958091, -0.237966567,
  ],
  [
    0.075090766, 0.0337326154, 0.0132238334, 0.00512277242, 0.00108655775, 0.000163080156, 2.20309721e-5,
    2.7746762e-6, 1.59141763e-7, -0.333355039, -0.288727641, -0.219537616, -0.0942280293, 0.0418612733,
    0.10356532, 0.10832607,
  ],
  [
    -0.0248507895, -0.0149634266, -0.00639214227, -0.00254762685, -0.000568111776, -8.51734658e-5,
    -1.15147477e-5, -1.45634783e-6, -9.48341636e-8, 0.000465111778, 0.112827063, 0.157729104, 0.163586766,
    0.099681966, 0.0281999763, -0.01222983,
  ],
  [
    0.00112315279, 0.00445129629, 0.00235924986, 0.000975888048, 0.000236736261, 3.24775283e-5, 4.4034764e-6,
    5.96118753e-7, 3.39812694e-8, 0.130016133, 0.0965014324, 0.0455060117, -0.0263700746, -0.0634028018,
    -0.0462319702, -0.0193337761,
  ],
];

/** tanh x, from |x|. */
function tanh<V>(l: TableLanes<V>, x: V): V {
  const a = atMost(l, l.abs(x), l.constant(tanhSaturation));
  const piece = l.shr(l.add(a, l.constant(tanhOffset)), formatOf(l).fraction - 2);
  const t = l.sub(a, l.permute(tanhCentres, piece));
  return withSign(l, piecewise(l, tanhPieces, { piece, x: t }), x);
}

/** The functions of f32 that are quicker so. */
export const tableFormulas: Readonly<Record<string, TableFormula>> = { exp, log, sigmoid, softplus, tanh };
