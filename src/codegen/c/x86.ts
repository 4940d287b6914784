/**
 * Lane operations that x86 has as one instruction, by GCC's builtins: their header would cost more to read than a
 * kernel to compile. Clang has portable names for most of them and needs none of this.
 *
 * With AVX-512 masks are bits in mask registers; else they are lanes of ones and zeros.
 */

import { lanesOf, type VectorShape } from "./vectors.ts";

/** Definitions for this width, if the compiler is GCC for such a machine. */
export function x86Text(shape: VectorShape): string {
  if (shape.vectorBytes === 64) return wide(shape);
  return shape.vectorBytes === 32 ? middle(shape) : narrow(shape);
}

function wide(shape: VectorShape): string {
  const single = shape.dtype === "f32";
  const p = single ? "ps" : "pd";
  const w = single ? "d" : "q";
  const all = `(vm)-1`;
  const compare = (code: number): string => `__builtin_ia32_cmp${p}512_mask(a, b, ${code}, ${all}, 4)`;
  return `#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX512F__) && defined(__AVX512DQ__)
typedef uint${lanesOf(shape) === 16 ? 16 : 8}_t vm;
typedef ${single ? "int" : "long long"} lanes_of_builtins __attribute__((vector_size(64), may_alias));
#define FMA(a, b, c) __builtin_ia32_vfmadd${p}512_mask(a, b, c, ${all}, 4)
#define FNMA(a, b, c) __builtin_ia32_vfnmadd${p}512_mask(a, b, c, ${all}, 4)
#define SQRT(a) __builtin_ia32_sqrt${p}512_mask(a, (vf){0}, ${all}, 4)
#define ROUND(a, mode) __builtin_ia32_rndscale${p}_mask(a, mode, (vf){0}, ${all}, 4)
#define FLOOR(a) ROUND(a, 9)
#define CEIL(a) ROUND(a, 10)
#define TRUNC(a) ROUND(a, 11)
#define NEAREST(a) ROUND(a, 8)
#define LT(a, b) ${compare(17).replace("a, b", "(a), (b)")}
#define LE(a, b) ${compare(18).replace("a, b", "(a), (b)")}
#define EQ(a, b) ${compare(0).replace("a, b", "(a), (b)")}
#define NE(a, b) ${compare(4).replace("a, b", "(a), (b)")}
#define MASK_INT(m) ((vi)__builtin_ia32_cvtmask2${w}512(m))
#define INT_MASK(i) ((vm)__builtin_ia32_cvt${w}2mask512((lanes_of_builtins)(i)))
#define MAND(a, b) ((vm)((a) & (b)))
#define MOR(a, b) ((vm)((a) | (b)))
#define MXOR(a, b) ((vm)((a) ^ (b)))
#define MSEL(m, a, b) ((vm)(((m) & (a)) | (~(m) & (b))))
#define SEL(m, a, b) __builtin_ia32_blendm${p}_512_mask(b, a, m)
#define ANY(m) ((m) != 0)
#define LOW(a, b) __builtin_ia32_min${p}512_mask(a, b, (vf){0}, ${all}, 4)
#define HIGH(a, b) __builtin_ia32_max${p}512_mask(a, b, (vf){0}, ${all}, 4)
#define FIRST(count) ((vm)((1u << (count)) - 1))
#define LOAD_PART(p, count) __builtin_ia32_loadu${p}512_mask(p, (vf){0}, FIRST(count))
#define STORE_PART(p, v, count) __builtin_ia32_storeu${p}512_mask(p, v, FIRST(count))
${extremes}
#endif
${embedded(shape)}${single ? permute16 : ""}`;
}

/** A splat is an instruction of the shuffling units, which look up tables too; other instructions read a cell for all lanes. */
function embedded(shape: VectorShape): string {
  const [p, w] = shape.dtype === "f32" ? ["ps", "d"] : ["pd", "q"];
  const cell = `%1%{1to${lanesOf(shape)}%}`;
  const two = (
    name: string,
    instruction: string,
  ): string => `static JR_INLINE vf ${name}(const char *p, vf b) {
  vf r;
  __asm__("${instruction} ${cell}, %2, %0" : "=v"(r) : "m"(*(const cell *)p), "v"(b));
  return r;
}`;
  return `#if defined(__GNUC__) && defined(__AVX512F__)
static JR_INLINE vf fma_cell(const char *p, vf b, vf c) {
  __asm__("vfmadd231${p} ${cell}, %2, %0" : "+v"(c) : "m"(*(const cell *)p), "v"(b));
  return c;
}
${two("add_cell", `vadd${p}`)}
${two("mul_cell", `vmul${p}`)}
${two("or_cell", `vpor${w}`)}
#define FMA_CELL(p, b, c) fma_cell(p, b, c)
#define ADD_CELL(p, b) add_cell(p, b)
#define MUL_CELL(p, b) mul_cell(p, b)
#define CELL(p) or_cell(p, (vf){0})
#endif
`;
}

const permute16 = `#if defined(__GNUC__) && defined(__AVX512F__)
#define SCALE(a, n) __builtin_ia32_scalefps512_mask(a, n, (vf){0}, (uint16_t)-1, 4)
#define EXPONENT(a) __builtin_ia32_getexpps512_mask(a, (vf){0}, (uint16_t)-1, 4)
#define MANTISSA(a) __builtin_ia32_getmantps512_mask(a, 8, (vf){0}, (uint16_t)-1, 4)
#ifdef __clang__
#define PERMUTE16(table, i) __builtin_ia32_permvarsf512(LOADU(table), i)
#else
#define PERMUTE16(table, i) \\
  __builtin_ia32_permvarsf512_mask(LOADU(table), (lanes_of_builtins)(i), (vf){0}, (vm)-1)
#endif
#endif
`;

function middle({ dtype }: VectorShape): string {
  const p = dtype === "f32" ? "ps" : "pd";
  return `#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX__)
${fused(`__builtin_ia32_vfmadd${p}256`)}
#define SQRT(a) __builtin_ia32_sqrt${p}256(a)
#define FLOOR(a) __builtin_ia32_round${p}256(a, 9)
#define CEIL(a) __builtin_ia32_round${p}256(a, 10)
#define TRUNC(a) __builtin_ia32_round${p}256(a, 11)
#define NEAREST(a) __builtin_ia32_round${p}256(a, 8)
#define SEL(m, a, b) __builtin_ia32_blendv${p}256(b, a, (vf)(m))
#define ANY(m) (__builtin_ia32_movmsk${p}256((vf)(m)) != 0)
#define LOW(a, b) __builtin_ia32_min${p}256(a, b)
#define HIGH(a, b) __builtin_ia32_max${p}256(a, b)
${extremes}
#endif
`;
}

function narrow({ dtype }: VectorShape): string {
  const p = dtype === "f32" ? "ps" : "pd";
  return `#if defined(__GNUC__) && !defined(__clang__) && defined(__SSE2__)
${fused(`__builtin_ia32_vfmadd${p}`)}
#define SQRT(a) __builtin_ia32_sqrt${p}(a)
#ifdef __SSE4_1__
#define FLOOR(a) __builtin_ia32_round${p}(a, 9)
#define CEIL(a) __builtin_ia32_round${p}(a, 10)
#define TRUNC(a) __builtin_ia32_round${p}(a, 11)
#define NEAREST(a) __builtin_ia32_round${p}(a, 8)
#define SEL(m, a, b) __builtin_ia32_blendv${p}(b, a, (vf)(m))
#endif
#define ANY(m) (__builtin_ia32_movmsk${p}((vf)(m)) != 0)
#define LOW(a, b) __builtin_ia32_min${p}(a, b)
#define HIGH(a, b) __builtin_ia32_max${p}(a, b)
${extremes}
#endif
`;
}

function fused(name: string): string {
  return `#ifdef __FMA__
#define FMA(a, b, c) ${name}(a, b, c)
#endif`;
}

/**
 * The instructions give the second operand for NaN and for zeros of either sign: doing both orders shows which it was.
 * Minimum: | keeps a NaN and the minus. Maximum: the difference of both is a sign bit or a NaN's bits.
 */
const extremes = `#define MIN(a, b) FLOATS(BITS(LOW(a, b)) | BITS(LOW(b, a)))
static JR_INLINE vf max_float(vf a, vf b) {
  vf first = HIGH(a, b), second = HIGH(b, a);
  vi differ = BITS(first) ^ BITS(second);
  return FLOATS(BITS(first) | differ) - FLOATS(differ);
}
#define MAX(a, b) max_float(a, b)`;
