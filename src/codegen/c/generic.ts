/**
 * Lane operations that no machine has defined before: by vector extensions, clang's elementwise builtins, or lane by lane.
 *
 * In: how many lanes of what. Out: macros and inline functions. Masks are lanes of ones and zeros here.
 */

import type { VectorShape } from "./vectors.ts";

/** What is not yet defined. */
export function genericText({ dtype }: VectorShape): string {
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
#elif defined(__clang__)
static JR_INLINE vf fused(vf a, vf b, vf c) {
#pragma clang fp contract(fast)
  return a * b + c;
}
#define FMA(a, b, c) fused(a, b, c)
#else
static JR_INLINE vf each_fma(vf a, vf b, vf c) {
  for (int lane = 0; lane < LANES; lane++) c[lane] = __builtin_fma${suffix}(a[lane], b[lane], c[lane]);
  return c;
}
#define FMA(a, b, c) each_fma(a, b, c)
#endif
#endif
#ifndef FNMA
#define FNMA(a, b, c) FMA(-(a), b, c)
#endif
${masksText}${dtype === "f32" ? conversionText : ""}`;
}

const masksText = `#ifndef LT
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
#ifndef LOW
#define LOW(a, b) SEL(LT(a, b), a, b)
#define HIGH(a, b) SEL(LT(b, a), a, b)
#endif
#ifndef PERMUTE16
#define PERMUTE16(table, i) FLOATS(lookup(table, (i) & SETI(15)))
#endif
#ifndef FMA_CELL
#define FMA_CELL(p, b, c) FMA(SPLAT(p), b, c)
#define ADD_CELL(p, b) ADD(SPLAT(p), b)
#define MUL_CELL(p, b) MUL(SPLAT(p), b)
#define CELL(p) SPLAT(p)
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
`;

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
