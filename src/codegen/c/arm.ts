/**
 * Lane operations that 64-bit ARM has as one instruction, by the names of arm_neon.h, for GCC: clang has portable names.
 *
 * NEON's minimum and maximum are those of IEEE 754-2019 already. Masks are lanes of ones and zeros.
 */

import type { VectorShape } from "./vectors.ts";

/** Definitions for vectors of 128 bits. */
export function armText({ dtype, vectorBytes }: VectorShape): string {
  if (vectorBytes !== 16) return "";
  const [f, u] = dtype === "f32" ? ["f32", "uint32x4_t"] : ["f64", "uint64x2_t"];
  const type = dtype === "f32" ? "float32x4_t" : "float64x2_t";
  const call = (name: string, ...operands: readonly string[]): string =>
    `((vf)v${name}q_${f}(${operands.map((operand) => `(${type})(${operand})`).join(", ")}))`;
  return `#if defined(__GNUC__) && !defined(__clang__) && defined(__aarch64__)
#include <arm_neon.h>
#define FMA(a, b, c) ${call("fma", "c", "a", "b")}
#define SQRT(a) ${call("sqrt", "a")}
#define FLOOR(a) ${call("rndm", "a")}
#define CEIL(a) ${call("rndp", "a")}
#define TRUNC(a) ${call("rnd", "a")}
#define NEAREST(a) ${call("rndn", "a")}
#define MIN(a, b) ${call("min", "a", "b")}
#define MAX(a, b) ${call("max", "a", "b")}
#define SEL(m, a, b) ((vf)vbslq_${f}((${u})(m), (${type})(a), (${type})(b)))
#define ANY(m) (vmaxvq_u32((uint32x4_t)(m)) != 0)
#endif
`;
}
