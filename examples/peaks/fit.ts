/**
 * Fits twelve overlapping peaks with 48 parameters to 2000 noisy measurements, by Levenberg–Marquardt.
 *
 * Each step needs Σ JᵀJ and Σ Jᵀr over all rows only: they are added up while rows run, and no row's Jacobian is kept.
 * Run: npx tsx examples/peaks/fit.ts
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

const PEAKS = 12;
const ROWS = 2000;

type Scalar = Tensor<readonly []>;
type Vector = Tensor<readonly [number]>;

/** Σ of pseudo-Voigt peaks: height · (η / (1 + z²) + (1 − η) 2^(−z²)), z = (t − centre) / width. */
function peaks({ t, p }: { t: Scalar; p: Vector }): Scalar {
  const [height, centre, width, mixing] = [0, 1, 2, 3].map((part) =>
    p.slice(part * PEAKS, (part + 1) * PEAKS),
  ) as [Vector, Vector, Vector, Vector];
  const z2 = square(div(sub(t, centre), width));
  const shape = add(div(mixing, add(1, z2)), mul(sub(1, mixing), exp(mul(-Math.LN2, z2))));
  return sum(mul(height, shape));
}

/** What one step needs of all rows. */
const sums = rows(
  ({ t, y, p }: { t: Scalar; y: Scalar; p: Vector }) => {
    const J = jacobian(peaks, { wrt: "p" })({ t, p }) as Vector;
    const r = sub(y, peaks({ t, p }));
    return { JtJ: rowSum(outer(J, J)), Jtr: rowSum(mul(J, r)), cost: rowSum(square(r)) };
  },
  { shared: ["p"] },
);

/** Solves a positive definite system by Cholesky's factors. */
function solve(matrix: ArrayLike<number>, right: ArrayLike<number>): Float64Array {
  const n = right.length;
  const L = Float64Array.from(matrix);
  const x = Float64Array.from(right);
  const at = (i: number, j: number): number => L[i * n + j] as number;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let value = at(i, j);
      for (let k = 0; k < j; k++) value -= at(i, k) * at(j, k);
      L[i * n + j] = i === j ? Math.sqrt(value) : value / at(j, j);
    }
    for (let k = 0; k < i; k++) x[i] = (x[i] as number) - at(i, k) * (x[k] as number);
    x[i] = (x[i] as number) / at(i, i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] = (x[i] as number) - at(k, i) * (x[k] as number);
    x[i] = (x[i] as number) / at(i, i);
  }
  return x;
}

/** Heights, centres, widths, mixings; `off` moves them away from the truth. */
function parameters(off: number): Float64Array {
  return Float64Array.from({ length: 4 * PEAKS }, (_, i) => {
    const k = i % PEAKS;
    const wave = off * Math.sin(7 * i + 1);
    const values = [1 + 0.1 * k + wave, 4 + 8 * k + wave, 1.5 + 0.1 * k + wave, 0.3 + 0.03 * k + 0.3 * wave];
    return values[Math.floor(i / PEAKS)] ?? 0;
  });
}

const t = Float64Array.from({ length: ROWS }, (_, i) => (100 * i) / ROWS);
const noise = (i: number): number => 0.01 * Math.sin(12.9898 * i * i + 78.233);
const exact = rows(peaks, { shared: ["p"] }).sync({ t: { data: t, shape: [ROWS] }, p: [...parameters(0)] });
const y = Float64Array.from(exact.data, (value, i) => value + noise(i));
const measured = { t: { data: t, shape: [ROWS] }, y: { data: y, shape: [ROWS] } };

let p = parameters(0.3);
let damping = 1e-3;
let state = await sums({ ...measured, p: [...p] });
for (let step = 1; step <= 30; step++) {
  const { JtJ, Jtr, cost } = state;
  const damped = Float64Array.from(JtJ.data, (value, cell) =>
    cell % (p.length + 1) === 0 ? value * (1 + damping) : value,
  );
  const delta = solve(damped, Jtr.data);
  const next = p.map((value, i) => value + (delta[i] as number));
  const tried = await sums({ ...measured, p: [...next] });
  const [before, after] = [cost.data[0] as number, tried.cost.data[0] as number];
  const better = after < before;
  damping = better ? damping / 10 : damping * 10;
  if (better) [p, state] = [next, tried];
  if (better) console.log(`step ${step}: Σ r² = ${after.toPrecision(6)}`);
  if (better && before - after < 1e-10 * before) break;
}
const truth = parameters(0);
const error = Math.max(...p.map((value, i) => Math.abs(value - (truth[i] as number))));
console.log(`largest error of 48 parameters: ${error.toPrecision(2)}`);
