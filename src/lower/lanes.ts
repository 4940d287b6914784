/**
 * Arithmetic on SIMD lanes, as an interface: the vocabulary in which vector math is written.
 *
 * `V` is one vector value: a node of a lowered expression when compiling, a plain number when a
 * formula is checked in JavaScript. Masks and integers have the float's lane width (32 bits for f32,
 * 64 for f64). Nothing here knows how many lanes there are.
 */

/** Float type of a program. */
export type Dtype = "f32" | "f64";

/** Builder of lane expressions. Floats round to nearest even; integers wrap. */
export interface Lanes<V> {
  readonly dtype: Dtype;
  /** A float in every lane, rounded to the dtype. */
  constant(value: number): V;
  /** An integer (bit pattern) in every lane. */
  bits(value: bigint): V;

  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  div(a: V, b: V): V;
  /** a·b + c, rounded once or twice: which, depends on the machine, so both must do. */
  fma(a: V, b: V, c: V): V;
  /** c − a·b, in the same way. */
  fnma(a: V, b: V, c: V): V;
  neg(a: V): V;
  abs(a: V): V;
  sqrt(a: V): V;
  floor(a: V): V;
  ceil(a: V): V;
  trunc(a: V): V;
  /** Round half to even. */
  nearest(a: V): V;
  /** IEEE 754-2019 minimum: NaN if either is NaN, −0 < +0. */
  min(a: V, b: V): V;
  max(a: V, b: V): V;
  /** b < a ? b : a, and a < b ? b : a: one instruction where `min` and `max` are several. */
  pmin(a: V, b: V): V;
  pmax(a: V, b: V): V;

  /** Comparisons give masks: all ones or all zeros. False with NaN, except `ne`. */
  lt(a: V, b: V): V;
  le(a: V, b: V): V;
  eq(a: V, b: V): V;
  ne(a: V, b: V): V;
  /** mask ? a : b, bit by bit. */
  select(mask: V, a: V, b: V): V;

  /** Bit operations on the lane's pattern; floats are reinterpreted for free. */
  and(a: V, b: V): V;
  or(a: V, b: V): V;
  xor(a: V, b: V): V;
  /** Shifts of the lane as an integer, by a constant; `shr` is logical, `sar` arithmetic (i64 `sar` may be slow). */
  shl(a: V, count: number): V;
  shr(a: V, count: number): V;
  sar(a: V, count: number): V;
  iadd(a: V, b: V): V;
  isub(a: V, b: V): V;
  imul(a: V, b: V): V;
  /** Per-lane table[index]; slow (lane by lane), for rare paths only. Index is an integer within the table. */
  lookup(table: readonly bigint[], index: V): V;
  /** Lanes of `mask` take exact(), which is evaluated only if some lane asks; the others take `fast`. */
  rarely(mask: V, exact: () => V, fast: V): V;
  /** Functions that are quicker by tables, on lanes that look them up: `TableLanes`. */
  readonly tables?: Readonly<Record<string, TableFormula>> | undefined;
  /** A formula without rare paths for several vectors, each operation for all before the next. */
  readonly byTurns?: ByTurns | undefined;
}

/** Writes a formula without rare paths for several vectors. */
export type ByTurns = <V>(l: TableLanes<V>, formula: TableFormula, list: readonly V[]) => readonly V[];

/** A function of one lane value, with tables and without rare paths. */
export type TableFormula = <V>(l: TableLanes<V>, x: V) => V;

/** Lanes that look up a table of 16 floats, by the low bits of an index, and take floats apart, in one instruction each. */
export interface TableLanes<V> extends Lanes<V> {
  permute(table: readonly number[], index: V): V;
  /** a·2^⌊n⌋, rounded once. */
  scale(a: V, n: V): V;
  /** ⌊log₂|a|⌋ as a float, −∞ for zeros, ∞ for infinite a. */
  exponent(a: V): V;
  /** The power of two times a > 0 that lies in [1, 2), 1 for 0 and ∞; NaN for a < 0. */
  mantissa(a: V): V;
}
