/**
 * Linear algebra of small matrices, one per row of data: inverse, solve, determinant, log|det|, Cholesky.
 *
 * In: traced matrices (d, d), d ≤ 16. Out: traced values with derivative rules of their own, right to any order. Always:
 * rows of data never meet; a singular matrix gives NaN in its own row and `isSingular` tells which.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import { asValue } from "../trace/as-value.ts";
import { custom } from "../trace/custom.ts";
import { abs, add, div, log, matmul, mul, prod, sqrt, stack, sub, sum, where } from "../trace/functions.ts";
import type { Mask } from "../trace/mask.ts";
import type { Operand } from "../trace/operand.ts";
import type { Tensor } from "../trace/shapes.ts";
import { eliminate } from "./elimination.ts";

/** Larger matrices want blocked algorithms, which these are not. */
const LARGEST = 16;

/** A⁻¹. */
export function inverse(a: Operand): Tensor {
  return inverseOf(square("inverse", a));
}

/** x with A x = b, for a vector b or the columns of a matrix. */
export function solve(a: Operand, b: Operand): Tensor {
  const matrix = square("solve", a);
  const right = asValue("solve", b) as Tensor;
  if (right.shape.length >= 1 && right.shape.length <= 2 && right.length === matrix.length)
    return solutionOf(matrix, right);
  throw new UsageError("JR845", `solve: b of shape ${showShape(right.shape)} does not fit A`);
}

/** det A. */
export function determinant(a: Operand): Tensor {
  const matrix = square("determinant", a);
  return matrix.length === 2 ? determinantOfTwo(matrix) : determinantOf(matrix);
}

/** log |det A|; −∞ where A is singular. */
export function logDeterminant(a: Operand): Tensor {
  const matrix = square("logDeterminant", a);
  return matrix.length === 2 ? log(abs(determinantOfTwo(matrix))) : logDeterminantOf(matrix);
}

/** The lower triangular L with L Lᵀ = A, for a symmetric positive definite A; NaN for a row where A is not. */
export function cholesky(a: Operand): Tensor {
  return choleskyOf(square("cholesky", a));
}

/** True for rows of data in which elimination meets a pivot that is 0 or not a number. */
export function isSingular(a: Operand): Mask {
  const matrix = square("isSingular", a);
  return abs(eliminate(matrix).pivots).gt(0).all().not();
}

/** The polynomial itself, which is as exact as elimination and differentiates to less. */
function determinantOfTwo(a: Tensor): Tensor {
  return sub(mul(a.at(0, 0), a.at(1, 1)), mul(a.at(0, 1), a.at(1, 0)));
}

function square(what: string, a: Operand): Tensor {
  const matrix = asValue(what, a) as Tensor;
  const [rows, columns, ...rest] = matrix.shape;
  if (rows === undefined || rows !== columns || rest.length > 0)
    throw new UsageError("JR844", `${what} takes a square matrix, got shape ${showShape(matrix.shape)}`);
  if (rows <= LARGEST) return matrix;
  throw new UnsupportedError(
    "JR846",
    `${what} of a matrix of ${rows} rows: at most ${LARGEST} are supported`,
  );
}

const inverseOf = custom(
  function inverse(a: Tensor): Tensor {
    const { right, pivots } = eliminate(a, identity(a.length));
    return where(abs(pivots).gt(0).all(), right, Number.NaN);
  },
  // d(A⁻¹) = −A⁻¹ dA A⁻¹
  { jvp: (_, [tangent], result) => matmul(matmul(result, tangent as Tensor), result).neg() },
);

const solutionOf = custom(
  function solve(a: Tensor, b: Tensor): Tensor {
    const { right, pivots } = eliminate(a, b.reshape([a.length, -1]));
    return where(abs(pivots).gt(0).all(), right.reshape(b.shape), Number.NaN);
  },
  // dx = A⁻¹ (db − dA x)
  {
    jvp: ([a], [da, db], x) => matmul(inverseOf(a as Tensor), sub(db as Tensor, matmul(da as Tensor, x))),
  },
);

const determinantOf = custom(
  function determinant(a: Tensor): Tensor {
    const { pivots, sign } = eliminate(a);
    return mul(sign, prod(pivots));
  },
  // d det A = det A · tr(A⁻¹ dA)
  { jvp: ([a], [tangent], result) => mul(result, traceOfProduct(a as Tensor, tangent as Tensor)) },
);

const logDeterminantOf = custom(
  function logDeterminant(a: Tensor): Tensor {
    const { pivots, excess } = eliminate(a);
    return sum(add(log(abs(pivots)), where(pivots.eq(0), 0, excess)));
  },
  // d log|det A| = tr(A⁻¹ dA)
  { jvp: ([a], [tangent]) => traceOfProduct(a as Tensor, tangent as Tensor) },
);

/** tr(A⁻¹ T). */
function traceOfProduct(a: Tensor, tangent: Tensor): Tensor {
  return sum(mul(inverseOf(a).transpose(), tangent));
}

const choleskyOf = custom(
  function cholesky(a: Tensor): Tensor {
    const size = a.length;
    const columns: Tensor[] = [];
    for (let k = 0; k < size; k++) {
      const earlier = columns.map((column) => mul(column, column.at(k)));
      const rest = earlier.reduce((left, product) => sub(left, product), a.at(k));
      const below = Float64Array.from({ length: size }, (_, row) => (row < k ? 0 : 1));
      columns.push(where(asValue("below", below).gt(0), div(rest, sqrt(rest.at(k))), 0));
    }
    return stack(columns).transpose();
  },
  // dL = L Φ(L⁻¹ dA L⁻ᵀ), Φ: the lower triangle with half the diagonal (Murray 2016)
  {
    jvp: ([a], [tangent], result) => {
      const inverted = inverseOf(result);
      const inner = matmul(matmul(inverted, tangent as Tensor), inverted.transpose());
      return matmul(result, mul(inner, halfLower((a as Tensor).length)));
    },
  },
);

function identity(size: number): Tensor {
  return filled(size, (row, column) => (row === column ? 1 : 0));
}

function halfLower(size: number): Tensor {
  return filled(size, (row, column) => (row === column ? 0.5 : row > column ? 1 : 0));
}

function filled(size: number, entry: (row: number, column: number) => number): Tensor {
  const data = Float64Array.from({ length: size * size }, (_, cell) =>
    entry(Math.floor(cell / size), cell % size),
  );
  return asValue("matrix", { data, shape: [size, size] });
}
