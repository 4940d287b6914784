/**
 * Shapes in the type system: what TypeScript knows of a traced value's axes.
 *
 * `[]` is a scalar, `[2, 3]` a matrix, `Shape` unknown. Values of known length are tuples too, so that destructuring
 * one entry too many is a type error.
 */

import type { Value } from "./value.ts";

/** Sizes of axes, known to the compiler where they are literals. */
export type Shape = readonly number[];

/** A traced value of shape S, destructurable as a tuple where the length of its first axis is known. */
export type Tensor<S extends Shape = Shape> = Value<S> & Items<S>;

/** A traced number. */
export type Scalar = Tensor<readonly []>;

/** A row of N numbers: `Row<2>` makes `[a, b, c]` a type error. */
export type Row<N extends number = number> = Tensor<readonly [N]>;

/** M rows of N numbers. */
export type Matrix<M extends number = number, N extends number = number> = Tensor<readonly [M, N]>;

/** The entries along the first axis as a tuple, where its length is a literal. */
export type Items<S extends Shape> = S extends readonly [infer N extends number, ...infer Rest extends Shape]
  ? number extends N
    ? unknown
    : Repeat<Tensor<Rest>, N>
  : unknown;

/** An entry along the first axis. */
export type Item<S extends Shape> = S extends readonly [number, ...infer Rest extends Shape]
  ? Tensor<Rest>
  : Tensor<Shape>;

/** T repeated N times, as a tuple up to 99 entries and as an array beyond (the compiler counts slowly). */
type Repeat<T, N extends number> = `${N}` extends `${string}${string}${infer Rest}`
  ? Rest extends ""
    ? Count<T, N>
    : readonly T[]
  : Count<T, N>;

type Count<T, N extends number, Counted extends readonly T[] = readonly []> = Counted["length"] extends N
  ? Counted
  : Count<T, N, readonly [...Counted, T]>;

/** The shape of a binary operation's result, where the compiler can tell. */
export type Broadcast<A extends Shape, B extends Shape> = B extends readonly []
  ? A
  : A extends readonly []
    ? B
    : A extends B
      ? B extends A
        ? A
        : Shape
      : Shape;

/** The shape of a matrix product, where the compiler can tell: M×K @ K×N, M×K @ K, K @ K×N, K @ K. */
export type Matmul<A extends Shape, B extends Shape> = A extends readonly [number]
  ? B extends readonly [number]
    ? readonly []
    : B extends readonly [number, infer N extends number]
      ? readonly [N]
      : Shape
  : A extends readonly [infer M extends number, number]
    ? B extends readonly [number]
      ? readonly [M]
      : B extends readonly [number, infer N extends number]
        ? readonly [M, N]
        : Shape
    : Shape;

/** The shape of a slice: as many axes, of sizes the compiler does not count. */
export type Sliced<S extends Shape> = { readonly [K in keyof S]: number };
