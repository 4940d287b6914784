/**
 * What every generated C file starts with: the vector types and one macro per lane operation.
 *
 * Written for GCC and clang with vector extensions; `x86.ts` adds what x86 does in one instruction. Everything is a
 * macro or an inline function, so that the code after it reads the same for every width and machine.
 */

import { armText } from "./arm.ts";
import { arraysText } from "./arrays.ts";
import { genericText } from "./generic.ts";
import { transpositionText } from "./transpose.ts";
import { lanesOf, perLane, type VectorShape } from "./vectors.ts";
import { x86Text } from "./x86.ts";

/** The types and lane operations. */
export function preludeText(shape: VectorShape): string {
  return [namesText(shape), vectorText(shape)].join("\n");
}

/**
 * The same for any compiler: lanes are arrays where there are no vector extensions, or no registers for them (32-bit x86 as it comes: GCC
 * warns of their ABI). Multiply-adds round as is quick.
 */
export function portablePreludeText(shape: VectorShape): string {
  return [
    "#if defined(__i386__) && !defined(__SSE2__) && !defined(JACROW_PORTABLE)",
    "#define JACROW_PORTABLE",
    "#endif",
    namesText(shape),
    strictText,
    "#if defined(__GNUC__) && !defined(__PCC__) && !defined(JACROW_PORTABLE)",
    twiceText,
    vectorText(shape),
    "#else",
    arraysText(shape),
    "#endif",
  ].join("\n");
}

function vectorText(shape: VectorShape): string {
  return [
    typesText(shape),
    x86Text(shape),
    armText(shape),
    genericText(shape),
    transpositionText(shape),
  ].join("\n");
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
#define PREFETCH(p) __builtin_prefetch(p)
#define PREFETCH_TO(p) __builtin_prefetch(p, 1)
#ifdef JACROW_PORTABLE
#define JR_INLINE inline __attribute__((unused))
#else
#define JR_INLINE inline __attribute__((always_inline, unused))
#endif
#define JR_RARE __attribute__((noinline, cold))
#define JR_CALLED __attribute__((noinline))
/* GCC 12 was seen to take a stage that only stores for one without effects (on 32-bit ARM), and to leave out its call. */
#if defined(__clang__) || __GNUC__ < 8
#define JR_STAGE __attribute__((noinline, unused))
#else
#define JR_STAGE __attribute__((noipa, unused))
#endif
#else
#define UNLIKELY(x) (x)
#define PREFETCH(p) (void)0
#define PREFETCH_TO(p) (void)0
#define JR_INLINE inline
#define JR_RARE
#define JR_CALLED
#define JR_STAGE
#endif
`;
}

/** Vector math relies on every product and sum being rounded by itself, save where it says FMA. */
const strictText = `#if defined(__GNUC__) && !defined(__clang__) && !defined(__PCC__)
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#define restrict __restrict
#else
#pragma STDC FP_CONTRACT OFF
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
#define LOADU(p) (*(const vf_any *)(p))
#define STOREU(p, v) (*(vf_any *)(p) = (v))
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
static JR_INLINE vf spread(const char *p, ix stride, ix lanes) {
  vf r = SPLAT(p);
  for (ix lane = 1; lane < lanes; lane++) r[lane] = *(const cell *)(p + lane * stride);
  return r;
}
static JR_INLINE void scatter(char *p, vf v, ix stride, ix lanes) {
  for (ix lane = 0; lane < lanes; lane++) *(cell *)(p + lane * stride) = v[lane];
}
static JR_INLINE vi lookup(const cell_bits *table, vi at) {
  vi r = at;
  for (int lane = 0; lane < LANES; lane++) r[lane] = (cell_int)table[at[lane]];
  return r;
}
`;
}
