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
const tanhOffset = 0.6875;
const tanhSaturation = 9.23;
/** These bits of a + offset are a number near a that is exact: 2, 4 or, for the smallest and largest pieces, 0 and 2. */
const tanhCentre = 0x40800000n;

/** Coefficients of the distance to it, lowest power first. */
const tanhPieces: readonly (readonly number[])[] = [
  [
    0.964009166, 0.964027584, 0.964044392, 0.964598894, 0.999329329, 0.999331474, 0.999425888, 0.999648929,
    0.999384642, 0, 8.70465016e-8, 1.3801744e-5, 0.000398295961, 0.00307878503, -0.00178782269, -0.0401084758,
  ],
  [
    0.0703570917, 0.0706507713, 0.0704514757, 0.0672016144, 0.00134130602, 0.00131963624, 0.000966536638,
    0.000471014675, 0.000445815065, 1, 0.999995291, 0.999663591, 0.994246006, 0.970132053, 0.997311711,
    1.17559147,
  ],
  [
    -0.0699395761, -0.068109639, -0.0671459287, -0.0593813024, -0.00134256156, -0.0012561758, -0.000708545151,
    -0.000263003021, -0.000130015615, 8.97529251e-9, 0.000102876729, 0.00336204772, 0.0342010297, 0.121948242,
    0.0615726337, -0.271185428,
  ],
  [
    0.0364816412, 0.0421159379, 0.0396861024, 0.030211797, 0.000880613341, 0.000719591801, 0.000278401305,
    7.58142196e-5, 1.90589308e-5, -0.333334655, -0.334474832, -0.350795716, -0.439649493, -0.601082206,
    -0.534513116, -0.223015293,
  ],
  [
    -0.0265823193, -0.0178888608, -0.0145850778, -0.00867282599, -0.000426496845, -0.000242171009,
    -5.77632127e-5, -1.12098987e-5, -1.40305315e-6, 5.78322579e-5, 0.00657940516, 0.0483792238, 0.17824167,
    0.328346223, 0.291997015, 0.145743817,
  ],
  [
    -0.000772438536, 0.00461541815, 0.00260652602, 0.00109657575, 0.000268106844, 3.68524343e-5, 4.9978853e-6,
    6.76581863e-7, 4.14651566e-8, 0.132504091, 0.116665579, 0.0727413222, -0.00442585442, -0.0608247481,
    -0.052986268, -0.0254322644,
  ],
];

/** tanh x, from |x|. */
function tanh<V>(l: TableLanes<V>, x: V): V {
  const a = atMost(l, l.abs(x), l.constant(tanhSaturation));
  const sum = l.add(a, l.constant(tanhOffset));
  const piece = l.shr(sum, formatOf(l).fraction - 2);
  const t = l.sub(a, l.and(sum, l.bits(tanhCentre)));
  return withSign(l, piecewise(l, tanhPieces, { piece, x: t }), x);
}

/** The functions of f32 that are quicker so. */
export const tableFormulas: Readonly<Record<string, TableFormula>> = { exp, log, sigmoid, softplus, tanh };
