/**
 * What every generated C file starts with: the vector types and one macro per lane operation.
 *
 * Written for GCC and clang with vector extensions; `x86.ts` adds what x86 does in one instruction. Everything is a
 * macro or an inline function, so that the code after it reads the same for every width and machine.
 */

import type { Dtype } from "../../lower/lanes.ts";
import { arraysText } from "./arrays.ts";
import { transpositionText } from "./transpose.ts";
import { x86Text } from "./x86.ts";

/** How wide, and of what. */
export interface VectorShape {
  readonly dtype: Dtype;
  readonly vectorBytes: number;
}

/** Lanes of a vector. */
export function lanesOf({ dtype, vectorBytes }: VectorShape): number {
  return vectorBytes / (dtype === "f32" ? 4 : 8);
}

/** `item(lane)` for every lane, separated by commas. */
export function perLane(shape: VectorShape, item: (lane: number) => string): string {
  return Array.from({ length: lanesOf(shape) }, (_, lane) => item(lane)).join(", ");
}

/** The types and lane operations. */
export function preludeText(shape: VectorShape): string {
  return [namesText(shape), vectorText(shape)].join("\n");
}

/** The same for any compiler: lanes are arrays where there are no vector extensions, multiply-adds round as is quick. */
export function portablePreludeText(shape: VectorShape): string {
  return [
    namesText(shape),
    strictText,
    "#if defined(__GNUC__) && !defined(JACROW_PORTABLE)",
    twiceText,
    vectorText(shape),
    "#else",
    arraysText(shape),
    "#endif",
  ].join("\n");
}

function vectorText(shape: VectorShape): string {
  return [typesText(shape), x86Text(shape), genericText(shape), transpositionText(shape)].join("\n");
}

/** Names that do not depend on how lanes are kept. */
function namesText(shape: VectorShape): string {
  const single = shape.dtype === "f32";
  return `#include <stdint.h>
#include <stddef.h>
#include <string.h>

typedef ptrdiff_t ix;
typedef ${single ? "float" : "double"} cell;
typedef ${single ? "int32_t" : "int64_t"} cell_int;
typedef ${single ? "uint32_t" : "uint64_t"} cell_bits;
#define LANES ${lanesOf(shape)}
#define VECTOR_BYTES ${shape.vectorBytes}
#ifdef __GNUC__
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#ifdef JACROW_PORTABLE
#define JR_INLINE inline __attribute__((unused))
#else
#define JR_INLINE inline __attribute__((always_inline, unused))
#endif
#define JR_RARE __attribute__((noinline, cold))
#define JR_CALLED __attribute__((noinline))
#define JR_STAGE __attribute__((noinline))
#else
#define UNLIKELY(x) (x)
#define JR_INLINE inline
#define JR_RARE
#define JR_CALLED
#define JR_STAGE
#endif
`;
}

/** Vector math relies on every product and sum being rounded by itself, save where it says FMA. */
const strictText = `#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
`;

const twiceText = `#if !defined(__FMA__) && !defined(__aarch64__)
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
`;

function typesText(shape: VectorShape): string {
  const single = shape.dtype === "f32";
  const vector = `__attribute__((vector_size(${shape.vectorBytes}), may_alias))`;
  return `#define JR_VECTORS
typedef cell vf ${vector};
typedef cell_int vi ${vector};
typedef cell_bits vu ${vector};
typedef cell vf_any __attribute__((vector_size(${shape.vectorBytes}), may_alias, aligned(${single ? 4 : 8})));
#ifndef __has_builtin
#define __has_builtin(x) 0
#endif

static JR_INLINE vf splat_float(cell x) { vf r = {${perLane(shape, () => "x")}}; return r; }
static JR_INLINE vi splat_int(cell_int x) { vi r = {${perLane(shape, () => "x")}}; return r; }
#define SET(x) splat_float(x)
#define SETI(x) splat_int((cell_int)(x))
#define LOAD(p) (*(const vf *)(p))
#define STORE(p, v) (*(vf *)(p) = (v))
#define SPLAT(p) splat_float(*(const cell *)(p))
#define LOAD_INT(p) (*(const cell_int *)(p))
#define BITS(v) ((vi)(v))
#define FLOATS(v) ((vf)(v))
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) ((a) * (b))
#define DIV(a, b) ((a) / (b))
#define NEG(a) ((vf)((vi)(a) ^ SETI(${single ? "0x80000000u" : "UINT64_C(0x8000000000000000)"})))
#define ABS(a) ((vf)((vi)(a) & SETI(${single ? "0x7fffffff" : "INT64_C(0x7fffffffffffffff)"})))
#define IAND(a, b) ((a) & (b))
#define IOR(a, b) ((a) | (b))
#define IXOR(a, b) ((a) ^ (b))
#define IADD(a, b) ((vi)((vu)(a) + (vu)(b)))
#define ISUB(a, b) ((vi)((vu)(a) - (vu)(b)))
#define IMUL(a, b) ((vi)((vu)(a) * (vu)(b)))
#define SHL(a, n) ((vi)((vu)(a) << (n)))
#define SHR(a, n) ((vi)((vu)(a) >> (n)))
#define SAR(a, n) ((a) >> (n))
static JR_INLINE vi lookup(const cell_bits *table, vi at) {
  vi r = at;
  for (int lane = 0; lane < LANES; lane++) r[lane] = (cell_int)table[at[lane]];
  return r;
}
`;
}

/** What is not yet defined, by vector extensions, clang's elementwise builtins, or lane by lane. */
function genericText({ dtype }: VectorShape): string {
  const suffix = dtype === "f32" ? "f" : "";
  const each = (macro: string, [clang, libm]: readonly [string, string]): string =>
    `#ifndef ${macro}
#if __has_builtin(${clang})
#define ${macro}(a) ${clang}(a)
#else
static JR_INLINE vf each_${libm}(vf a) {
  for (int lane = 0; lane < LANES; lane++) a[lane] = __builtin_${libm}${suffix}(a[lane]);
  return a;
}
#define ${macro}(a) each_${libm}(a)
#endif
#endif`;
  return `${each("SQRT", ["__builtin_elementwise_sqrt", "sqrt"])}
${each("FLOOR", ["__builtin_elementwise_floor", "floor"])}
${each("CEIL", ["__builtin_elementwise_ceil", "ceil"])}
${each("TRUNC", ["__builtin_elementwise_trunc", "trunc"])}
${each("NEAREST", ["__builtin_elementwise_roundeven", "rint"])}
#ifndef FMA
#if __has_builtin(__builtin_elementwise_fma)
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
static JR_INLINE vf each_fma(vf a, vf b, vf c) {
  for (int lane = 0; lane < LANES; lane++) c[lane] = __builtin_fma${suffix}(a[lane], b[lane], c[lane]);
  return c;
}
#define FMA(a, b, c) each_fma(a, b, c)
#endif
#endif
#ifndef LT
typedef vi vm;
#define LT(a, b) ((vm)((a) < (b)))
#define LE(a, b) ((vm)((a) <= (b)))
#define EQ(a, b) ((vm)((a) == (b)))
#define NE(a, b) ((vm)((a) != (b)))
#define MASK_INT(m) (m)
#define INT_MASK(i) (i)
#define MAND(a, b) ((a) & (b))
#define MOR(a, b) ((a) | (b))
#define MXOR(a, b) ((a) ^ (b))
#define MSEL(m, a, b) (((m) & (a)) | (~(m) & (b)))
#endif
#ifndef SEL
#define SEL(m, a, b) ((vf)(((m) & (vi)(a)) | (~(m) & (vi)(b))))
#endif
#ifndef ANY
static JR_INLINE int any_lane(vm m) {
  cell_int any = 0;
  for (int lane = 0; lane < LANES; lane++) any |= m[lane];
  return any != 0;
}
#define ANY(m) any_lane(m)
#endif
#define ILT(a, b) INT_MASK((vi)((a) < (b)))
#define ILE(a, b) INT_MASK((vi)((a) <= (b)))
#define IEQ(a, b) INT_MASK((vi)((a) == (b)))
#ifndef MIN
/* Equal operands differ in their zero's sign at most: | gives the lower, & the higher; | of a NaN is one. */
static JR_INLINE vf min_float(vf a, vf b) {
  vf either = FLOATS(BITS(a) | BITS(b));
  return SEL(LT(a, b), a, SEL(LT(b, a), b, either));
}
static JR_INLINE vf max_float(vf a, vf b) {
  vf either = SEL(EQ(a, b), FLOATS(BITS(a) & BITS(b)), FLOATS(BITS(a) | BITS(b)));
  return SEL(LT(b, a), a, SEL(LT(a, b), b, either));
}
#define MIN(a, b) min_float(a, b)
#define MAX(a, b) max_float(a, b)
#endif
${dtype === "f32" ? conversionText : ""}`;
}

const conversionText = `#define TOFLOAT(i) __builtin_convertvector(i, vf)
/* NaN gives 0, what is out of range the nearest integer that is not. */
static JR_INLINE vi to_int(vf a) {
  vm high = LE(SET(2147483648.0f), a);
  vf low = SEL(LT(a, SET(-2147483648.0f)), SET(-2147483648.0f), a);
  vf inside = SEL(LE(SET(-2147483648.0f), low), SEL(high, SET(0.0f), low), SET(0.0f));
  return BITS(SEL(high, FLOATS(SETI(0x7fffffff)), FLOATS(__builtin_convertvector(inside, vi))));
}
#define TOINT(a) to_int(a)
`;
