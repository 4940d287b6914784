/**
 * A square of LANES vectors transposed in registers, as C.
 *
 * Recursive halves: step h swaps, between rows i and i + h, the lanes whose bit h differs. log₂ LANES steps of LANES
 * two-operand shuffles each.
 */

import { lanesOf, perLane, type VectorShape } from "./vectors.ts";

/** The function `transpose(vf *r)`. */
export function transpositionText(shape: VectorShape): string {
  const lanes = lanesOf(shape);
  const lines: string[] = [];
  for (let h = lanes / 2; h >= 1; h /= 2) {
    for (let row = 0; row < lanes; row++) {
      if ((row & h) !== 0) continue;
      const low = perLane(shape, (lane) => `${(lane & h) === 0 ? lane : lanes + lane - h}`);
      const high = perLane(shape, (lane) => `${(lane & h) === 0 ? lane + h : lanes + lane}`);
      lines.push(
        `  t = SHUFFLE(r[${row}], r[${row + h}], ${low});`,
        `  r[${row + h}] = SHUFFLE(r[${row}], r[${row + h}], ${high}); r[${row}] = t;`,
      );
    }
  }
  return `#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif
#ifdef STORE_PART
#define LOAD_FIRST(p, count) LOAD_PART((const cell *)(p), count)
#define STORE_FIRST(p, v, count) STORE_PART((cell *)(p), v, count)
#else
static JR_INLINE vf load_first(const char *p, size_t bytes) { vf r = {0}; memcpy(&r, p, bytes); return r; }
#define LOAD_FIRST(p, count) load_first(p, (count) * sizeof(cell))
#define STORE_FIRST(p, v, count) memcpy(p, &(v), (count) * sizeof(cell))
#endif
static JR_INLINE void transpose(vf *r) {
  vf t;
${lines.join("\n")}
}
`;
}
