/**
 * The types of functions of one row, and of what their derivatives look like.
 *
 * Outputs keep their nest; every leaf holds one entry per differentiated argument, a lone one bare. What the compiler
 * cannot follow (arguments chosen by computed names) has the type of a single leaf.
 */

import type { Mask } from "./mask.ts";
import type { Value } from "./value.ts";

/** A function of one row: `x => …` or `(x, u) => …`. */
export type PositionalFunction = { bivariant(...args: Value[]): unknown }["bivariant"];

/** A function of one row with named inputs: `({ x, u }) => …`. */
export type NamedFunction = { bivariant(inputs: Readonly<Record<string, Value>>): unknown }["bivariant"];

/** The nest O with R in the place of every value. */
export type Mapped<O, R> = O extends Value | Mask | number
  ? R
  : O extends readonly unknown[]
    ? { -readonly [K in keyof O]: Mapped<O[K], R> }
    : O extends object
      ? { -readonly [K in keyof O]: Mapped<O[K], R> }
      : R;

/** The nest that the Jacobian of a function with arguments P has at each output. */
export type PerInput<P extends readonly unknown[], O, R> = P extends readonly [infer One]
  ? One extends Value
    ? R
    : Named<ChosenNames<One, O>, R>
  : Positional<ChosenPositions<P, O>, R>;

/** One R per row input of a function with arguments P, as the function takes them; a lone positional one bare. */
export type PerRowInput<P extends readonly unknown[], O, R> = P extends readonly [infer One]
  ? One extends Value
    ? R
    : { [K in Exclude<keyof One, SharedOf<O>>]: R }
  : Positional<WithoutShared<P, SharedOf<O>>, R>;

type SharedOf<O> = O extends { readonly shared: readonly (infer K)[] } ? K : never;

type ChosenNames<One, O> = O extends { readonly wrt: infer W }
  ? W extends readonly (infer K)[]
    ? K
    : W
  : Exclude<keyof One, SharedOf<O>>;

type Named<Keys, R> = IsUnion<Keys> extends true ? { [K in Keys & string]: R } : R;

type IsUnion<T, All = T> = [T] extends [never]
  ? false
  : (T extends unknown ? ([All] extends [T] ? false : true) : never) extends false
    ? false
    : true;

type ChosenPositions<P extends readonly unknown[], O> = O extends { readonly wrt: infer W }
  ? W extends readonly unknown[]
    ? W
    : [W]
  : WithoutShared<P, SharedOf<O>>;

type WithoutShared<
  P extends readonly unknown[],
  Shared,
  Seen extends readonly unknown[] = [],
> = P extends readonly [infer First, ...infer Rest]
  ? Seen["length"] extends Shared
    ? WithoutShared<Rest, Shared, [...Seen, First]>
    : [First, ...WithoutShared<Rest, Shared, [...Seen, First]>]
  : [];

type Positional<Chosen extends readonly unknown[], R> = Chosen extends readonly [
  unknown,
  unknown,
  ...unknown[],
]
  ? { -readonly [K in keyof Chosen]: R }
  : R;
