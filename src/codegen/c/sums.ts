/**
 * Running sums, a vector of lanes or one number per cell, are added to one float64 each, as C.
 *
 * The lanes of a cell are added in order, as on every target: LANES cells at a time where vectors can be transposed in registers.
 */

import type { Layout } from "../layout.ts";
import { lanesOf, type VectorShape } from "./vectors.ts";

/** The function `keep_sums(to, from)`. */
export function keepSumsText(shape: VectorShape, { sums, bytes }: Layout): string {
  const half = lanesOf(shape) * 4;
  const calls = sums.list.map(
    ({ cell, cells, start, lanes }) =>
      `  ${lanes === 1 ? "add_cells" : "add_lanes"}(to + ${cell}, from + ${start * bytes}, ${cells});`,
  );
  return `#ifdef JR_VECTORS
typedef cell half_cells __attribute__((vector_size(VECTOR_BYTES / 2), may_alias));
typedef double half_sums __attribute__((vector_size(${half}), may_alias, aligned(8)));
#endif
static JR_STAGE void add_lanes(double *to, const char *from, ix cells) {
  ix c = 0;
#ifdef JR_VECTORS
  for (; c + LANES <= cells; c += LANES) {
    vf r[LANES];
    for (int lane = 0; lane < LANES; lane++) r[lane] = LOAD(from + (c + lane) * VECTOR_BYTES);
    transpose(r);
    for (int half = 0; half < 2; half++) {
      half_sums sum = {0};
      for (int lane = 0; lane < LANES; lane++)
        sum += __builtin_convertvector(((const half_cells *)&r[lane])[half], half_sums);
      *(half_sums *)(to + c + half * (LANES / 2)) += sum;
    }
  }
#endif
  for (; c < cells; c++) {
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += (double)((const cell *)(from + c * VECTOR_BYTES))[lane];
    to[c] += sum;
  }
}

static JR_STAGE void add_cells(double *to, const char *from, ix cells) {
  ix c = 0;
#ifdef JR_VECTORS
  for (; c + LANES <= cells; c += LANES)
    for (int half = 0; half < 2; half++)
      *(half_sums *)(to + c + half * (LANES / 2)) +=
        __builtin_convertvector(((const half_cells *)(from + c * sizeof(cell)))[half], half_sums);
#endif
  for (; c < cells; c++) to[c] += (double)((const cell *)from)[c];
}

static void keep_sums(double *to, const char *from) {
${calls.join("\n")}
}
`;
}
