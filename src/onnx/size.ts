/**
 * Cells of shape arithmetic: plain numbers, or a multiple of the number of rows.
 *
 * A model computes shapes from its input's shape; the batch size B stands in them as a symbol. Every operation gives
 * the exact result or undefined when it is no multiple of B (then the model's values would depend on how many
 * rows there are). B is a positive whole number that nobody knows.
 */

/** `batches` × B. */
export interface Batches {
  readonly batches: number;
}

/** One cell: a number or a multiple of B. */
export type Size = number | Batches;

/** True for plain numbers. */
export function isNumber(size: Size): size is number {
  return typeof size === "number";
}

const times = (batches: number): Size => (batches === 0 ? 0 : { batches });

/** "3", "batch" or "2·batch". */
export function showSize(size: Size): string {
  if (isNumber(size)) return String(size);
  return size.batches === 1 ? "batch" : `${size.batches}·batch`;
}

type Fold = (a: Size, b: Size) => Size | undefined;

const linear =
  (numbers: (a: number, b: number) => number): Fold =>
  (a, b) => {
    if (isNumber(a) && isNumber(b)) return numbers(a, b);
    if (isNumber(a)) return a === 0 && !isNumber(b) ? times(numbers(0, b.batches)) : undefined;
    if (isNumber(b)) return b === 0 ? a : undefined;
    return times(numbers(a.batches, b.batches));
  };

const product: Fold = (a, b) => {
  if (isNumber(a)) return isNumber(b) ? a * b : times(a * b.batches);
  return isNumber(b) ? times(a.batches * b) : undefined;
};

/** Quotients truncate for integers; a multiple of B must divide without a rest. */
const quotient =
  (whole: boolean): Fold =>
  (a, b) => {
    if (isNumber(a)) return isNumber(b) ? (whole ? Math.trunc(a / b) : a / b) : undefined;
    const ratio = isNumber(b) ? a.batches / b : a.batches / b.batches;
    if (whole && !Number.isInteger(ratio)) return undefined;
    return isNumber(b) ? times(ratio) : ratio;
  };

/** Comparisons are decided where the sign of a·B − b is the same for every B ≥ 1. */
const comparison =
  (holds: (difference: number) => boolean): Fold =>
  (a, b) => {
    const sign = signOfDifference(a, b);
    return sign === undefined ? undefined : holds(sign) ? 1 : 0;
  };

/** a − b up to its size, if known for every B ≥ 1; NaN compares as a number does. */
function signOfDifference(a: Size, b: Size): number | undefined {
  if (isNumber(a)) return isNumber(b) ? (a === b ? 0 : a - b) : negated(signOfDifference(b, a));
  if (!isNumber(b)) return a.batches - b.batches;
  if (a.batches > 0) return b < a.batches ? 1 : undefined;
  return b > a.batches ? -1 : undefined;
}

const negated = (x: number | undefined): number | undefined => (x === undefined ? undefined : -x);

const chosen =
  (first: (difference: number) => boolean): Fold =>
  (a, b) => {
    const sign = signOfDifference(a, b);
    return sign === undefined ? undefined : first(sign) ? a : b;
  };

const onNumbers =
  (f: (a: number, b: number) => number): Fold =>
  (a, b) =>
    isNumber(a) && isNumber(b) ? f(a, b) : undefined;

/** Two-operand folding by ONNX operator name; Div is listed for floats and integers. */
export const binaryFolds: Readonly<Record<string, Fold>> = {
  Add: linear((a, b) => a + b),
  Sub: linear((a, b) => a - b),
  Mul: product,
  Div: quotient(false),
  DivInt: quotient(true),
  Equal: comparison((d) => d === 0),
  Less: comparison((d) => d < 0),
  LessOrEqual: comparison((d) => d <= 0),
  Greater: comparison((d) => d > 0),
  GreaterOrEqual: comparison((d) => d >= 0),
  Max: chosen((d) => d >= 0 || Number.isNaN(d)),
  Min: chosen((d) => d <= 0 || Number.isNaN(d)),
  Pow: onNumbers((a, b) => a ** b),
  And: onNumbers((a, b) => a & b),
  Or: onNumbers((a, b) => a | b),
  Xor: onNumbers((a, b) => a ^ b),
};

const keepsBatches =
  (f: (x: number) => number): ((a: Size) => Size) =>
  (a) =>
    isNumber(a) ? f(a) : a;
const scales =
  (f: (x: number) => number): ((a: Size) => Size) =>
  (a) =>
    isNumber(a) ? f(a) : times(f(a.batches));

/** One-operand folding by ONNX operator name. A multiple of B is whole and positive after Abs. */
export const unaryFolds: Readonly<Record<string, (a: Size) => Size | undefined>> = {
  Identity: (a) => a,
  Neg: scales((x) => -x),
  Abs: scales(Math.abs),
  Floor: keepsBatches(Math.floor),
  Ceil: keepsBatches(Math.ceil),
  Not: (a) => (isNumber(a) ? 1 - a : undefined),
  Sqrt: (a) => (isNumber(a) ? Math.sqrt(a) : undefined),
  Reciprocal: (a) => (isNumber(a) ? 1 / a : undefined),
};

/** The sum or product of cells: reductions of shape arithmetic. */
export function foldAll(name: "Add" | "Mul" | "Max" | "Min", cells: readonly Size[]): Size | undefined {
  const fold = binaryFolds[name] as Fold;
  const empty = { Add: 0, Mul: 1, Max: Number.NEGATIVE_INFINITY, Min: Number.POSITIVE_INFINITY }[name];
  const [first, ...rest] = cells;
  return rest.reduce<Size | undefined>(
    (sum, cell) => (sum === undefined ? undefined : fold(sum, cell)),
    first ?? empty,
  );
}
