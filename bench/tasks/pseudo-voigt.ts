/**
 * Peak fitting: a sum of pseudo-Voigt peaks with shared parameters, and what one Gauss–Newton step needs of it.
 *
 * Row inputs: a position t and a measurement y. Shared: heights, centres, widths and mixings p, one after the other.
 */

import {
  add,
  div,
  exp,
  jacobian,
  mul,
  outer,
  rowSum,
  rows,
  square,
  sub,
  sum,
  type Tensor,
} from "../../src/index.ts";

export const PEAKS = 12;
export const PARAMETERS: number = 4 * PEAKS;

type Scalar = Tensor<readonly []>;
type Vector = Tensor<readonly [number]>;

/** Σ over peaks of height · (η / (1 + z²) + (1 − η) 2^(−z²)), z = (t − centre) / width. */
export function peaks({ t, p }: { t: Scalar; p: Vector }): Scalar {
  const part = (index: number): Tensor => p.slice(index * PEAKS, (index + 1) * PEAKS);
  const [height, centre, width, mixing] = [part(0), part(1), part(2), part(3)];
  const squared = square(div(sub(t, centre), width));
  const lorentz = div(mixing, add(1, squared));
  const gauss = mul(sub(1, mixing), exp(mul(-Math.LN2, squared)));
  return sum(mul(height, add(lorentz, gauss)));
}

/** Σ JᵀJ and Σ Jᵀr over all rows, J = ∂peaks/∂p and r = y − peaks. */
export function normalEquations(threads = 1): (rows: PeakRows) => {
  readonly JtJ: { readonly data: ArrayLike<number> };
  readonly Jtr: { readonly data: ArrayLike<number> };
} {
  const run = rows(
    ({ t, y, p }: { t: Scalar; y: Scalar; p: Vector }) => {
      const J = jacobian(peaks, { wrt: "p" })({ t, p }) as unknown as Vector;
      return { JtJ: rowSum(outer(J, J)), Jtr: rowSum(mul(J, sub(y, peaks({ t, p })))) };
    },
    { shared: ["p"], threads },
  );
  return ({ t, y, p }) =>
    run.sync({
      t: { data: t, shape: [t.length] },
      y: { data: y, shape: [y.length] },
      p: { data: p, shape: [PARAMETERS] },
    });
}

/** Positions, measurements and parameters. */
export interface PeakRows {
  readonly t: Float64Array;
  readonly y: Float64Array;
  readonly p: Float64Array;
}

/** n rows over [0, 100] and parameters near a fit. */
export function peakRows(n: number): PeakRows {
  const t = Float64Array.from({ length: n }, (_, row) => (100 * row) / n);
  const value = [
    (k: number) => 1 + 0.1 * k,
    (k: number) => 4 + 8 * k,
    (k: number) => 1 + 0.05 * k,
    (k: number) => 0.3 + 0.03 * k,
  ];
  const p = Float64Array.from(
    { length: PARAMETERS },
    (_, i) => value[Math.floor(i / PEAKS)]?.(i % PEAKS) ?? 0,
  );
  return { t, y: t.map((x) => Math.sin(x) + 1), p };
}

/** One row's value and gradient in plain JavaScript. */
export function plainPeaks(t: number, p: ArrayLike<number>): { value: number; gradient: Float64Array } {
  const gradient = new Float64Array(PARAMETERS);
  let value = 0;
  for (let k = 0; k < PEAKS; k++) {
    const [height, centre, width, mixing] = [0, 1, 2, 3].map((part) => p[part * PEAKS + k] as number) as [
      number,
      number,
      number,
      number,
    ];
    const z = (t - centre) / width;
    const [lorentz, gauss] = [1 / (1 + z * z), Math.exp(-Math.LN2 * z * z)];
    const shape = mixing * lorentz + (1 - mixing) * gauss;
    const slope = -2 * z * (mixing * lorentz * lorentz + (1 - mixing) * Math.LN2 * gauss);
    value += height * shape;
    gradient[k] = shape;
    gradient[PEAKS + k] = (-height * slope) / width;
    gradient[2 * PEAKS + k] = (-height * slope * z) / width;
    gradient[3 * PEAKS + k] = height * (lorentz - gauss);
  }
  return { value, gradient };
}
