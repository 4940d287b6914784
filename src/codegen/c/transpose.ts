/**
 * A square of LANES vectors transposed in registers, as C.
 *
 * Recursive halves: step h swaps, between rows i and i + h, the lanes whose bit h differs. log₂ LANES steps of LANES
 * two-operand shuffles each. Where 16 floats are a vector, squares of 4 × 4 do: what is further apart is put together by loading.
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
${lanes === 16 ? quadsText() : ""}`;
}

/** Lanes of a shuffle of two vectors of 16: the same choice in every four, lanes of the second counted from 4. */
function everyFour(choice: readonly number[]): string {
  const lanes = [0, 4, 8, 12].flatMap((four) => choice.map((lane) => four + (lane < 4 ? lane : lane + 12)));
  return lanes.join(", ");
}

/**
 * `quads_in` and `quads_out` move up to 16 rows of at least 4 cells. Places that four cells start from make a vector; the four squares
 * of four such are transposed. Columns left over are moved again with some before them.
 */
function quadsText(): string {
  const [low, high] = [everyFour([0, 4, 1, 5]), everyFour([2, 6, 3, 7])];
  const [first, second] = [everyFour([0, 1, 4, 5]), everyFour([2, 3, 6, 7])];
  const each = (line: (k: number) => string): string => [0, 1, 2, 3].map(line).join("\n");
  const load = (at: (lane: number) => string): string =>
    each((k) => `    vf r${k} = four(${[k, 4 + k, 8 + k, 12 + k].map(at).join(", ")});`);
  const part = (k: number, j: number): string =>
    `    if (${4 * j + k} < rows) *(quad *)(to + ${4 * j + k} * pitch) = PART(r${k}, ${[0, 1, 2, 3].map((lane) => 4 * j + lane).join(", ")});`;
  return `#if __has_builtin(__builtin_shufflevector)
#define JR_QUADS
#define PART(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
typedef cell quad __attribute__((vector_size(16), may_alias, aligned(4)));
static JR_INLINE vf four(const cell *a, const cell *b, const cell *c, const cell *d) {
  typedef cell eight __attribute__((vector_size(32)));
  const eight ab = __builtin_shufflevector(*(const quad *)a, *(const quad *)b, 0, 1, 2, 3, 4, 5, 6, 7);
  const eight cd = __builtin_shufflevector(*(const quad *)c, *(const quad *)d, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
static JR_INLINE void squares(vf *r0, vf *r1, vf *r2, vf *r3) {
  const vf a = SHUFFLE(*r0, *r1, ${low}), b = SHUFFLE(*r2, *r3, ${low});
  const vf c = SHUFFLE(*r0, *r1, ${high}), d = SHUFFLE(*r2, *r3, ${high});
  *r0 = SHUFFLE(a, b, ${first}), *r1 = SHUFFLE(a, b, ${second});
  *r2 = SHUFFLE(c, d, ${first}), *r3 = SHUFFLE(c, d, ${second});
}
static JR_CALLED void quads_in(char *to, const cell *from, ix cells, ix stride, ix rows) {
  ix at[16];
  for (ix lane = 0; lane < 16; lane++) at[lane] = (lane < rows ? lane : rows - 1) * cells;
  for (ix next = 0; next < cells; next += 4) {
    const ix c = next + 4 <= cells ? next : cells - 4;
    const cell *own = from + c;
${load((lane) => `own + at[${lane}]`)}
    squares(&r0, &r1, &r2, &r3);
${each((k) => `    STORE(to + (c + ${k}) * stride, r${k});`)}
  }
}
static JR_INLINE void wide_out(const char *from, cell *to, ix stride, ix rows, ix pitch) {
  for (; rows > 0; rows -= 4, from += 16, to += 4 * pitch) {
${load((cell) => `(const cell *)(from + ${cell} * stride)`)}
    squares(&r0, &r1, &r2, &r3);
${each((k) => `    if (${k} < rows) STOREU(to + ${k} * pitch, r${k});`)}
  }
}
static JR_INLINE void narrow_out(const char *from, cell *to, ix stride, ix rows, ix pitch) {
${each((k) => `    vf r${k} = LOAD(from + ${k} * stride);`)}
    squares(&r0, &r1, &r2, &r3);
${[0, 1, 2, 3].flatMap((j) => [0, 1, 2, 3].map((k) => part(k, j))).join("\n")}
}
static JR_CALLED void quads_out(const char *from, cell *to, ix cells, ix stride, ix rows, ix pitch) {
  const ix now = rows < 16 ? rows : 16;
  ix c = 0;
  for (; c + 16 <= cells; c += 16) wide_out(from + c * stride, to + c, stride, now, pitch);
  if (c > 0 && cells - c > 4) c = cells, wide_out(from + (c - 16) * stride, to + c - 16, stride, now, pitch);
  for (; c < cells; c += 4) {
    const ix own = c + 4 <= cells ? c : cells - 4;
    narrow_out(from + own * stride, to + own, stride, now, pitch);
  }
}
#endif
`;
}
