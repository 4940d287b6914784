/**
 * Moves rows between row-major arrays (as users have them) and tile buffers (a vector per cell), as C.
 *
 * Vectors of 512 bits are moved by quads. Else blocks of LANES × LANES cells are transposed in registers, as are columns left over where parts of vectors can be stored; few go cell by cell. No byte outside
 * of the rows is read or written; lanes beyond the last row repeat it.
 */

/** The functions `rows_in` and `rows_out`, called with the bytes between a tile's cells. */
export const rowsText = `/* Columns left over that are worth a transposition of their own. */
#define LEAST_PART (LANES / 2)

static JR_INLINE void strip_in(char *to, const cell *from, ix cells, ix stride, ix rows) {
  ix c = 0;
#ifdef JR_QUADS
  if (cells >= JR_QUADS) {
    quads_in(to, from, cells, stride, rows);
    return;
  }
#elif defined(JR_VECTORS)
  if (rows >= LANES)
    for (; c + LANES <= cells; c += LANES) {
      vf r[LANES];
      for (int lane = 0; lane < LANES; lane++) r[lane] = *(const vf_any *)(from + lane * cells + c);
      transpose(r);
      for (int lane = 0; lane < LANES; lane++) *(vf *)(to + (c + lane) * stride) = r[lane];
    }
#ifdef LOAD_PART
  if (rows >= LANES && cells - c >= LEAST_PART) {
    vf r[LANES];
    for (int lane = 0; lane < LANES; lane++) r[lane] = LOAD_PART(from + lane * cells + c, cells - c);
    transpose(r);
    for (int lane = 0; lane < LANES && c < cells; lane++, c++) *(vf *)(to + c * stride) = r[lane];
  }
#endif
#endif
  for (; c < cells; c++)
    for (ix lane = 0; lane < LANES; lane++)
      ((cell *)(to + c * stride))[lane] = from[(lane < rows ? lane : rows - 1) * cells + c];
}

static JR_INLINE void strip_out(const char *from, cell *to, ix cells, ix stride, ix rows, ix pitch) {
  ix c = 0;
#ifdef JR_QUADS
  if (cells >= JR_QUADS) {
    quads_out(from, to, cells, stride, rows, pitch);
    return;
  }
#elif defined(JR_VECTORS)
  if (rows >= LANES)
    for (; c + LANES <= cells; c += LANES) {
      vf r[LANES];
      for (int lane = 0; lane < LANES; lane++) r[lane] = *(const vf *)(from + (c + lane) * stride);
      transpose(r);
      for (int lane = 0; lane < LANES; lane++) *(vf_any *)(to + lane * pitch + c) = r[lane];
    }
#ifdef STORE_PART
  if (rows >= LANES && cells - c >= LEAST_PART) {
    vf r[LANES];
    for (int lane = 0; lane < LANES; lane++)
      r[lane] = *(const vf *)(from + (c + (lane < cells - c ? lane : 0)) * stride);
    transpose(r);
    for (int lane = 0; lane < LANES; lane++) STORE_PART(to + lane * pitch + c, r[lane], cells - c);
    c = cells;
  }
#endif
#endif
  for (; c < cells; c++)
    for (ix lane = 0; lane < LANES && lane < rows; lane++)
      to[lane * pitch + c] = ((const cell *)(from + c * stride))[lane];
}

/* Lanes after the last row of every cell become 0. */
static JR_INLINE void clear_lanes(char *to, ix cells, ix stride, ix rows) {
  for (ix c = 0; c < cells; c++)
    for (ix lane = rows; lane % LANES; lane++) ((cell *)(to + c * stride))[lane] = 0;
}

static JR_STAGE void rows_in(char *to, const cell *from, ix cells, ix stride, ix rows) {
  for (; rows > 0; rows -= LANES, to += VECTOR_BYTES, from += LANES * cells)
    strip_in(to, from, cells, stride, rows);
}

static JR_STAGE void rows_out(const char *from, cell *to, ix cells, ix stride, ix rows) {
  for (; rows > 0; rows -= LANES, from += VECTOR_BYTES, to += LANES * cells)
    strip_out(from, to, cells, stride, rows, cells);
}
`;

/** Lines of memory past the caches, where there are instructions for that. What is written that way is seen by others after `STREAMED`. */
const linesText = `#if VECTOR_BYTES == 64 && defined(__AVX512F__) && defined(JR_VECTORS)
typedef long long line __attribute__((vector_size(64)));
#ifdef __clang__
#define STREAM(p, v) __builtin_nontemporal_store((line)(v), (line *)(p))
#else
#define STREAM(p, v) __builtin_ia32_movntdq512((line *)(p), (line)(v))
#endif
#define STREAMED __builtin_ia32_sfence()
static JR_INLINE void cells_stream(const cell *from, cell *to, ix size) {
  const ix head = (ix)((0 - (uintptr_t)to) % 64 / sizeof(cell));
  ix c = 0;
  for (; c < head && c < size; c++) to[c] = from[c];
  for (; c + LANES <= size; c += LANES) STREAM(to + c, *(const vf_any *)(from + c));
  for (; c < size; c++) to[c] = from[c];
}
#else
#define STREAMED (void)0
#endif
`;

/** The same where a tile is one row: its cells lie as rows do. */
export const plainRowsText: string = `${linesText}static JR_INLINE void rows_in(char *to, const cell *from, ix cells, ix stride, ix rows) {
  (void)stride, (void)rows;
  memcpy(to, from, (size_t)cells * sizeof(cell));
}

static JR_INLINE void rows_out(const char *from, cell *to, ix cells, ix stride, ix rows) {
  (void)stride, (void)rows;
  memcpy(to, from, (size_t)cells * sizeof(cell));
}
#define parts_out(from, to, cells, stride, rows, pitch) rows_out(from, to, cells, stride, rows)
#ifdef STREAM
#define parts_stream(from, to, cells, stride, rows, pitch) cells_stream((const cell *)(from), to, cells)
#else
#define parts_stream parts_out
#endif
#define rows_stage(from, to, cells, stride, rows, held) rows_out(from, to, cells, stride, rows), (void)held
`;

/**
 * `rows_out` past the caches, for results larger than they are: `parts_stream` for long rows of whole lines, `rows_stage` for others, by way of
 * memory for a tile's rows. The parts of rows that slices are come by `parts_out` and `parts_stream`.
 */
export const streamText: string = `${linesText}/* The rows start \`pitch\` cells after one another. */
static JR_STAGE void parts_out(const char *from, cell *to, ix cells, ix stride, ix rows, ix pitch) {
  for (; rows > 0; rows -= LANES, from += VECTOR_BYTES, to += LANES * pitch)
    strip_out(from, to, cells, stride, rows, pitch);
}

#ifdef STREAM
static JR_STAGE void parts_stream(const char *from, cell *to, ix cells, ix stride, ix rows, ix pitch) {
  const ix head = (ix)((0 - (uintptr_t)to) % 64 / sizeof(cell));
  for (; rows >= LANES; rows -= LANES, from += VECTOR_BYTES, to += LANES * pitch) {
    ix c = head;
    for (; c + LANES <= cells; c += LANES) {
      vf r[LANES];
      for (int lane = 0; lane < LANES; lane++) r[lane] = *(const vf *)(from + (c + lane) * stride);
      transpose(r);
      for (int lane = 0; lane < LANES; lane++) STREAM(to + lane * pitch + c, r[lane]);
    }
    for (; c < cells; c++)
      for (ix lane = 0; lane < LANES; lane++) to[lane * pitch + c] = ((const cell *)(from + c * stride))[lane];
    for (c = 0; c < head; c++)
      for (ix lane = 0; lane < LANES; lane++) to[lane * pitch + c] = ((const cell *)(from + c * stride))[lane];
  }
  if (rows > 0) strip_out(from, to, cells, stride, rows, pitch);
}

static JR_STAGE void rows_stage(const char *from, cell *to, ix cells, ix stride, ix rows, cell *held) {
  rows_out(from, held, cells, stride, rows);
  cells_stream(held, to, rows * cells);
}
#else
#define parts_stream parts_out
#define rows_stage(from, to, cells, stride, rows, held) rows_out(from, to, cells, stride, rows), (void)held
#endif
`;
