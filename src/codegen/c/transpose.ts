/**
 * A square of LANES vectors transposed in registers, as C.
 *
 * Recursive halves: step h swaps, between rows i and i + h, the lanes whose bit h differs. log₂ LANES steps of LANES
 * two-operand shuffles each. Of vectors of 512 bits, squares within 128 bits do: what is further apart is put together by loading.
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
${shape.vectorBytes === 64 ? quadsText(lanes / 4) : ""}`;
}

/** Lanes of a shuffle of two vectors: the same choice in every quarter of `size` lanes, lanes of the second counted from `size`. */
function everyQuarter(size: number, choice: readonly number[]): string {
  const quarters = [0, 1, 2, 3].map((quarter) => quarter * size);
  const lane = (at: number, own: number): number => at + own + (own < size ? 0 : 3 * size);
  return quarters.flatMap((at) => choice.map((own) => lane(at, own))).join(", ");
}

/** Transposes the four squares of \`size\` vectors. */
function squaresText(size: number): string {
  const halves = (a: string, b: string, choices: readonly (readonly number[])[]): string[] =>
    choices.map((choice) => `SHUFFLE(${a}, ${b}, ${everyQuarter(size, choice)})`);
  if (size === 2) {
    const [low, high] = halves("*r0", "*r1", [
      [0, 2],
      [1, 3],
    ]);
    return `static JR_INLINE void squares(vf *r0, vf *r1) {
  const vf a = ${low}, b = ${high};
  *r0 = a, *r1 = b;
}`;
  }
  const between = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ];
  const [a, c] = halves("*r0", "*r1", between);
  const [b, d] = halves("*r2", "*r3", between);
  const rows = [
    ...halves("a", "b", [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
    ]),
    ...halves("c", "d", [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
    ]),
  ];
  return `static JR_INLINE void squares(vf *r0, vf *r1, vf *r2, vf *r3) {
  const vf a = ${a}, b = ${b};
  const vf c = ${c}, d = ${d};
  ${rows.map((row, k) => `*r${k} = ${row}`).join(", ")};
}`;
}

/**
 * `quads_in` and `quads_out` move up to a vector's lanes of rows of at least `size` cells, which 128 bits hold. Places where so many start
 * make a vector, by four; the squares of `size` such are transposed. Columns left over are moved again with some before them.
 */
function quadsText(size: number): string {
  const steps = Array.from({ length: size }, (_, k) => k);
  const quarters = [0, 1, 2, 3].map((quarter) => quarter * size);
  const each = (line: (k: number) => string): string => steps.map(line).join("\n");
  const load = (at: (lane: number) => string): string =>
    each((k) => `    vf r${k} = four(${quarters.map((quarter) => at(quarter + k)).join(", ")});`);
  const squares = `squares(${steps.map((k) => `&r${k}`).join(", ")});`;
  const part = (k: number, at: number): string =>
    `  if (${at + k} < rows) *(quad *)(to + ${at + k} * pitch) = PART(r${k}, ${steps.map((lane) => at + lane).join(", ")});`;
  const count = (lanes: number): string => Array.from({ length: lanes }, (_, lane) => lane).join(", ");
  return `#if __has_builtin(__builtin_shufflevector)
#define JR_QUADS ${size}
#define PART(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
typedef cell quad __attribute__((vector_size(16), may_alias, aligned(${16 / size})));
static JR_INLINE vf four(const cell *a, const cell *b, const cell *c, const cell *d) {
  typedef cell half __attribute__((vector_size(32)));
  const half ab = __builtin_shufflevector(*(const quad *)a, *(const quad *)b, ${count(2 * size)});
  const half cd = __builtin_shufflevector(*(const quad *)c, *(const quad *)d, ${count(2 * size)});
  return __builtin_shufflevector(ab, cd, ${count(4 * size)});
}
${squaresText(size)}
static JR_CALLED void quads_in(char *to, const cell *from, ix cells, ix stride, ix rows) {
  ix at[LANES];
  for (ix lane = 0; lane < LANES; lane++) at[lane] = (lane < rows ? lane : rows - 1) * cells;
  for (ix next = 0; next < cells; next += ${size}) {
    const ix c = next + ${size} <= cells ? next : cells - ${size};
    const cell *own = from + c;
${load((lane) => `own + at[${lane}]`)}
    ${squares}
${each((k) => `    STORE(to + (c + ${k}) * stride, r${k});`)}
  }
}
static JR_INLINE void wide_out(const char *from, cell *to, ix stride, ix rows, ix pitch) {
  for (; rows > 0; rows -= ${size}, from += 16, to += ${size} * pitch) {
${load((cell) => `(const cell *)(from + ${cell} * stride)`)}
    ${squares}
${each((k) => `    if (${k} < rows) STOREU(to + ${k} * pitch, r${k});`)}
  }
}
static JR_INLINE void narrow_out(const char *from, cell *to, ix stride, ix rows, ix pitch) {
${each((k) => `  vf r${k} = LOAD(from + ${k} * stride);`)}
  ${squares}
${quarters.flatMap((at) => steps.map((k) => part(k, at))).join("\n")}
}
static JR_CALLED void quads_out(const char *from, cell *to, ix cells, ix stride, ix rows, ix pitch) {
  const ix now = rows < LANES ? rows : LANES;
  ix c = 0;
  for (; c + LANES <= cells; c += LANES) wide_out(from + c * stride, to + c, stride, now, pitch);
  if (c > 0 && cells - c > ${size})
    c = cells, wide_out(from + (c - LANES) * stride, to + c - LANES, stride, now, pitch);
  for (; c < cells; c += ${size}) {
    const ix own = c + ${size} <= cells ? c : cells - ${size};
    narrow_out(from + own * stride, to + own, stride, now, pitch);
  }
}
#endif
`;
}
