/**
 * Initial weights: xavier, kaiming, orthogonal and sparse, normal or uniform.
 *
 * In: a description, a shape (out, in, …window) and a generator. Out: the numbers, in float64. Always: the same seed
 * gives the same numbers on every machine (only √ and exact arithmetic are used).
 */

import { UsageError } from "../errors.ts";
import type { Random } from "./random.ts";

/** How initial weights are drawn. */
export interface Initialiser {
  /** xavier: variance by fan-in + fan-out; kaiming: by one of them; orthogonal: orthonormal rows or columns; sparse: mostly zeros. */
  readonly kind: "xavier" | "kaiming" | "orthogonal" | "sparse";
  /** Normal by default. */
  readonly distribution?: "normal" | "uniform";
  /** A factor on all weights; by default the activation's. */
  readonly gain?: number;
  /** kaiming's fan; "in" by default. */
  readonly fan?: "in" | "out";
  /** The fraction of each column that sparse leaves zero; 0.9 by default. */
  readonly sparsity?: number;
  /** The standard deviation of sparse's other entries; 0.01 by default. */
  readonly deviation?: number;
  /** Every bias, or the bound of uniform ones; 0 by default. */
  readonly bias?: number | { readonly uniform: number };
}

/** Rows, columns and window cells of a weight. */
interface Extent {
  readonly rows: number;
  /** Entries per row: inputs times window cells. */
  readonly columns: number;
  readonly window: number;
}

/** The weights of one layer; `gain` stands where the description has none. */
export function drawWeights(
  init: Initialiser,
  shape: readonly number[],
  { random, gain: natural = 1 }: { random: Random; gain?: number },
): Float64Array {
  const [rows = 1, ...rest] = shape;
  const window = rest.slice(1).reduce((product, size) => product * size, 1);
  const extent = { rows, columns: (rest[0] ?? 1) * window, window };
  const gain = init.gain ?? natural;
  switch (init.kind) {
    case "xavier":
    case "kaiming":
      return scattered(init, extent, { random, deviation: gain * fanDeviation(init, extent) });
    case "orthogonal":
      return orthogonal(extent, { draw: drawing(init, random, 1), gain });
    case "sparse":
      return sparse(init, extent, random);
    default:
      throw new UsageError(
        "JR803",
        `no initialiser ${String(init.kind)}; there are xavier, kaiming, orthogonal, sparse`,
      );
  }
}

/** The biases of one layer. */
export function drawBiases({ bias = 0 }: Initialiser, count: number, random: Random): Float64Array {
  const draw = (): number => (typeof bias === "number" ? bias : bias.uniform * (2 * random.uniform() - 1));
  return Float64Array.from({ length: count }, draw);
}

/** Glorot and Bengio 2010: √(2 / (in + out)); He et al. 2015: √(1 / fan), the gain apart. */
function fanDeviation({ kind, fan = "in" }: Initialiser, { rows, columns, window }: Extent): number {
  const [fanIn, fanOut] = [columns, rows * window];
  if (kind === "xavier") return Math.sqrt(2 / (fanIn + fanOut));
  return Math.sqrt(1 / (fan === "in" ? fanIn : fanOut));
}

/** Numbers of mean 0 and a standard deviation. */
function drawing({ distribution = "normal" }: Initialiser, random: Random, deviation: number): () => number {
  if (distribution === "normal") return () => deviation * random.normal();
  const bound = Math.sqrt(3) * deviation;
  return () => bound * (2 * random.uniform() - 1);
}

function scattered(
  init: Initialiser,
  { rows, columns }: Extent,
  { random, deviation }: { random: Random; deviation: number },
): Float64Array {
  return Float64Array.from({ length: rows * columns }, drawing(init, random, deviation));
}

/** Orthonormal vectors, the shorter side's: Gram and Schmidt, twice for rounding, on random vectors. */
function orthogonal(
  { rows, columns }: Extent,
  { draw, gain }: { draw: () => number; gain: number },
): Float64Array {
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) vectors.push(nextOrthonormal(vectors, Float64Array.from({ length }, draw)));
  const entry = (row: number, column: number): number => {
    const [vector, cell] = rows < columns ? [row, column] : [column, row];
    return gain * (vectors[vector]?.[cell] as number);
  };
  return Float64Array.from({ length: rows * columns }, (_, index) =>
    entry(Math.floor(index / columns), index % columns),
  );
}

function nextOrthonormal(found: readonly Float64Array[], start: Float64Array): Float64Array {
  let vector = start;
  for (const other of [...found, ...found]) {
    const along = dot(vector, other);
    vector = vector.map((value, cell) => value - along * (other[cell] as number));
  }
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, cell) => sum + value * (b[cell] as number), 0);
}

/** Every column keeps the same number of entries, at random places (Martens 2010). */
function sparse(init: Initialiser, { rows, columns }: Extent, random: Random): Float64Array {
  const { sparsity = 0.9, deviation = 0.01 } = init;
  const draw = drawing(init, random, deviation * (init.gain ?? 1));
  const zeros = Math.ceil(sparsity * rows);
  const weights = Float64Array.from({ length: rows * columns }, draw);
  const order = Array.from({ length: rows }, (_, row) => row);
  for (let column = 0; column < columns; column++) {
    random.shuffle(order);
    for (const row of order.slice(0, zeros)) weights[row * columns + column] = 0;
  }
  return weights;
}
