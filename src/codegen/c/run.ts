/**
 * The C functions that run all stages over rows: on the calling thread, or shared among threads.
 *
 * In: where the ports' buffers lie. Out: jr_run(job), jr_share(job) and jr_help(job). A job is an array of 64-bit words, addresses and
 * counts in the order of `JOB`; it belongs to one call, and a thread that comes late finds no rows left in it.
 */

import { operandsOf } from "../../lower/accesses.ts";
import { type Buffer, type Lowered, type Port, rowCells, sliceLoops } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import type { Layout } from "../layout.ts";
import { KEPT_ROWS } from "../sum-places.ts";

/**
 * Words of a job before the ports' addresses. Rows are taken in chunks; `next` is the first that no thread has taken, `done` counts
 * those that are computed; each chunk's sums over rows go to a place of its own. `most`: chunks of one jr_help. `fresh`: results are new memory.
 */
export const JOB = {
  memory: 0,
  scratch: 1,
  sums: 2,
  rows: 3,
  chunk: 4,
  next: 5,
  threads: 6,
  done: 7,
  most: 8,
  fresh: 9,
  ports: 10,
} as const;

/** Results of at least so many bytes go past the caches, and into large pages. */
const LARGE_BYTES = 4 * 2 ** 20;
/** About 50 µs, which waking a sleeping thread takes too. */
const WAIT_TURNS = 2000;
/** So much of a tile's rows is laid out at once: on the stack, in the first-level cache, and most of it whole lines. */
const [LEAST_STAGED_BYTES, MOST_STAGED_BYTES] = [1024, 32 * 1024];
/** That takes longer than writing to a third-level cache: for results that would fill it. */
const STAGED_BYTES = 12 * 2 ** 20;
/** Results of a tile that leave room in the first-level cache are asked for before the tile is computed. */
const ASKED_BYTES = 8 * 1024;
/** Rows of fewer cells cost more at their ends than they gain. */
const WIDE_CELLS = 128;

/** Do rows of the port, and slices of them, consist of whole lines of memory, and of many? */
const isWide = ({ buffer }: Port, bytes: number): boolean =>
  buffer.cells >= WIDE_CELLS && (buffer.cells * bytes) % 64 === 0;

/** Cells of a tile's rows if they are worth being laid out before they are written past the caches, else 0. */
function stagedCells(port: Port, { tileRows, bytes }: Layout): number {
  const size = port.buffer.cells * tileRows * bytes;
  const isFit = size >= LEAST_STAGED_BYTES && size <= MOST_STAGED_BYTES && port.slices === undefined;
  return isFit && !isWide(port, bytes) ? size / bytes : 0;
}

interface Places {
  readonly layout: Layout;
  /** Bytes of tile buffers: where the thread's running sums start. */
  readonly scratch: number;
  readonly sumBytes: number;
  /** Outputs that stages write themselves, and where the scratch says they are. */
  readonly direct: ReadonlyMap<Buffer, number>;
}

/** run_rows(job, s, first, rows): the loop over tiles. */
export function runText(lowered: Lowered, places: Places): string {
  const { layout, scratch, sumBytes, direct } = places;
  const { tileRows, bytes, placement } = layout;
  const cellBytes = tileRows * bytes;
  const place = ({ buffer }: Port): string => `s + ${(placement.get(buffer) as number) * cellBytes}`;
  const ports = [...lowered.inputs, ...lowered.outputs];
  const pointers = ports.map(
    (port, index) =>
      `  cell *r${index} = (cell *)(uintptr_t)job[${JOB.ports + index}] + first * ${rowCells(port)};`,
  );
  const held = Math.max(0, ...lowered.outputs.map((port) => stagedCells(port, layout)));
  const copiesIn = lowered.inputs.map(
    (port, index) => `    rows_in(${place(port)}, r${index}, ${port.buffer.cells}, ${cellBytes}, now);`,
  );
  const copiesOut = lowered.outputs.map((port, output) => {
    const copy = { layout, from: place(port), to: `r${lowered.inputs.length + output}` };
    return copyOut(port, copy, direct.has(port.buffer));
  });
  const isSliced = (output: number): boolean => lowered.outputs[output]?.slices !== undefined;
  const slots = lowered.outputs.map((port, output) => {
    const slot = direct.get(port.buffer);
    const to = partOf(port, `r${lowered.inputs.length + output}`);
    const own = isWide(port, bytes) ? `${isLarge(port, bytes)} ? (cell *)(${place(port)}) : ${to}` : to;
    return slot === undefined ? "" : `    *(cell **)(s + ${slot}) = ${own};`;
  });
  const asked = lowered.outputs.map((port, output) => asking(port, layout, lowered.inputs.length + output));
  const lines = [
    ...askText,
    "static void run_rows(const int64_t *job, char *s, ix first, ix rows) {",
    `  const char *m = (const char *)(uintptr_t)job[${JOB.memory}];`,
    ...pointers,
    ...(held > 0 ? [`  cell held[${held}] __attribute__((aligned(64)));`] : []),
    ...(sumBytes > 0 ? startSums(scratch, sumBytes, sumCells(lowered.sums)) : []),
    `  for (; rows > 0; rows -= ${tileRows}) {`,
    `    const ix now = rows < ${tileRows} ? rows : ${tileRows};`,
    "    const ix n = (now + LANES - 1) / LANES * VECTOR_BYTES;",
    ...copiesIn,
    ...asked,
    "    convert_in(s, m, n);",
    ...slots.filter((_, output) => !isSliced(output)),
    ...inSlices(stageCalls(lowered, layout), {
      lowered,
      slots: slots.filter((_, output) => isSliced(output)),
      copies: copiesOut.filter((_, output) => isSliced(output)),
    }),
    "    convert_out(s, m, n);",
    ...copiesOut.filter((_, output) => !isSliced(output)),
    ...ports.map((port, index) => `    r${index} += ${tileRows * rowCells(port)};`),
    ...(sumBytes > 0 ? keepSums(scratch, sumBytes, tileRows) : []),
    "  }",
    "  STREAMED;",
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

/** Asks for the lines of a tile's results where they are new, unless they go past the caches. */
function asking(port: Port, layout: Layout, index: number): string {
  const { tileRows, bytes } = layout;
  const cells = rowCells(port);
  if (cells * tileRows * bytes > ASKED_BYTES) return "";
  const isPast = isWide(port, bytes) || stagedCells(port, layout) > 0;
  const least = isWide(port, bytes) ? LARGE_BYTES : STAGED_BYTES;
  const near = isPast ? ` && !(${isLarge(port, bytes, least)})` : "";
  return `    if (job[${JOB.fresh}]${near}) ask_lines(r${index}, now * ${cells});`;
}

/** Memory of new results was last seen long ago: its lines come while the tile is computed. */
const askText = [
  "static JR_INLINE void ask_lines(const cell *to, ix cells) {",
  "  for (ix c = 0; c < cells; c += 64 / sizeof(cell)) PREFETCH_TO(to + c);",
  "}",
  "",
];

/** The calls of the last stage within the loops that write its slices out, if there are any. */
function inSlices(
  calls: readonly string[],
  { lowered, slots, copies }: { lowered: Lowered; slots: readonly string[]; copies: readonly string[] },
): readonly string[] {
  const loops = sliceLoops(lowered);
  if (loops.length === 0) return calls;
  const lines = loops.flatMap(({ axis }, depth) => {
    const steps = Array.from({ length: depth + 1 }, (_, index) => `step${index}`);
    const call = `      slice${depth}(s, m, n, ${steps.join(", ")});`;
    const head = `    for (ix step${depth} = 0; step${depth} < ${axis.size}; step${depth}++) {`;
    if (depth < loops.length - 1) return [head, call];
    const step = steps.reduce((sum, each, index) =>
      index === 0 ? each : `${sum} * ${loops[index]?.axis.size} + ${each}`,
    );
    return [head, `      const ix step = ${step};`, ...slots, call, ...copies];
  });
  return [...calls.slice(0, -1), ...lines, ...loops.map(() => "    }")];
}

interface Copy {
  readonly layout: Layout;
  readonly from: string;
  readonly to: string;
}

/** Where the slice goes that was made in the last step, or the rows. */
const partOf = ({ slices, buffer }: Port, rows: string): string =>
  slices === undefined ? rows : `${rows} + step * ${buffer.cells}`;

/** Are all of the port's rows of this call so many bytes? */
const isLarge = (port: Port, bytes: number, least: number = LARGE_BYTES): string =>
  `job[${JOB.rows}] >= ${Math.ceil(least / (rowCells(port) * bytes))}`;

/** Writes a port's rows past the caches. */
function streamed(port: Port, { layout, from, to }: Copy): string {
  const { tileRows, bytes } = layout;
  return `parts_stream(${from}, ${partOf(port, to)}, ${port.buffer.cells}, ${tileRows * bytes}, now, ${rowCells(port)});`;
}

/** Writes a port's rows, or the slice of them that was made in the last step; direct ones are there already, but for large ones. */
function copyOut(port: Port, copy: Copy, isDirect: boolean): string {
  const { layout, from, to } = copy;
  const { tileRows, bytes } = layout;
  if (isDirect) return isWide(port, bytes) ? `    if (${isLarge(port, bytes)}) ${streamed(port, copy)}` : "";
  const args = `${from}, ${partOf(port, to)}, ${port.buffer.cells}, ${tileRows * bytes}, now`;
  const plain = port.slices === undefined ? `rows_out(${args});` : `parts_out(${args}, ${rowCells(port)});`;
  const isStaged = stagedCells(port, layout) > 0;
  if (!isWide(port, bytes) && !isStaged) return `    ${plain}`;
  const [least, past] = isWide(port, bytes)
    ? [LARGE_BYTES, streamed(port, copy)]
    : [STAGED_BYTES, `rows_stage(${args}, held);`];
  return `    if (${isLarge(port, bytes, least)}) ${past}\n    else ${plain}`;
}

/** Calls of all stages. Lanes without rows are cleared before the first sum of a tile that is not full. */
export function stageCalls(lowered: Lowered, { tileRows, bytes, placement }: Layout): string[] {
  const sums = lowered.stages.filter((stage) => stage.kind === "sum");
  const summed = new Set(sums.flatMap((stage) => operandsOf(stage).map(({ buffer }) => buffer)));
  const clears = [...summed].map((buffer) => {
    const start = (placement.get(buffer) as number) * tileRows * bytes;
    return `    if (now % LANES) clear_lanes(s + ${start}, ${buffer.cells}, ${tileRows * bytes}, now);`;
  });
  return lowered.stages.flatMap((stage, index) => {
    const first = stage.kind === "sum" && lowered.stages[index - 1]?.kind !== "sum";
    return [...(first ? clears : []), `    stage${index}(s, m, n);`];
  });
}

function startSums(scratch: number, sumBytes: number, cells: number): string[] {
  const chunk = `(first / (ix)job[${JOB.chunk}])`;
  return [
    `  double *sums = (double *)(uintptr_t)job[${JOB.sums}] + ${chunk} * ${cells};`,
    `  memset(sums, 0, ${cells} * sizeof(double));`,
    `  memset(s + ${scratch}, 0, ${sumBytes});`,
    "  ix added = 0;",
  ];
}

/** Every so many rows, and after the last, running sums are added to float64 ones, which start anew. */
function keepSums(scratch: number, sumBytes: number, tileRows: number): string[] {
  return [
    `    if ((added += ${tileRows}) % ${KEPT_ROWS} == 0 || rows <= ${tileRows}) {`,
    `      keep_sums(sums, s + ${scratch});`,
    `      memset(s + ${scratch}, 0, ${sumBytes});`,
    "    }",
  ];
}

/** advise(job): asks for large pages where results are large: new ones come zeroed, and by 4 kB that takes longer than most kernels. */
function adviseText(lowered: Lowered, bytes: number): string {
  const calls = lowered.outputs.map((port, index) => {
    const word = JOB.ports + lowered.inputs.length + index;
    return `  advise_one((uintptr_t)job[${word}], (size_t)job[${JOB.rows}] * ${rowCells(port) * bytes});`;
  });
  return `
#ifdef __linux__
#include <sys/mman.h>
#endif
static void advise_one(uintptr_t at, size_t size) {
#ifdef MADV_HUGEPAGE
  const uintptr_t from = (at + 4095) & ~(uintptr_t)4095, to = (at + size) & ~(uintptr_t)4095;
  if (size >= ${LARGE_BYTES} && to > from) madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
  (void)at, (void)size;
#endif
}

static void advise(const int64_t *job) {
  (void)job, (void)advise_one;
${calls.join("\n")}
}
`;
}

/** What shares a job's rows among threads. */
const threadsText = `/* A thread that cannot be started leaves its rows to the others. */
EXPORT void jr_share(int64_t *job) {
  advise(job);
  pthread_t threads[MOST_THREADS];
  struct task tasks[MOST_THREADS];
  const ix wanted = job[${JOB.threads}] < MOST_THREADS ? (ix)job[${JOB.threads}] : MOST_THREADS;
  ix started = 1;
  for (; started < wanted; started++) {
    tasks[started] = (struct task){job, started};
    if (pthread_create(&threads[started], 0, take_rows, &tasks[started]) != 0) break;
  }
  tasks[0] = (struct task){job, 0};
  take_rows(&tasks[0]);
  for (ix thread = 1; thread < started; thread++) pthread_join(threads[thread], 0);
}

/* One more thread takes chunks; when none is left, it waits a moment for those that others still compute. */
EXPORT void jr_help(int64_t *job) {
  if (job[${JOB.next}] == 0) advise(job);
  for (int64_t chunk = 0; chunk < job[${JOB.most}]; chunk++)
    if (!take_chunk(job, (ix)job[${JOB.threads}])) break;
  for (int turn = 0; turn < ${WAIT_TURNS} && job[${JOB.next}] >= job[${JOB.rows}]; turn++) {
    if (__atomic_load_n(&job[${JOB.done}], __ATOMIC_ACQUIRE) == job[${JOB.rows}]) return;
    WAIT_TURN;
  }
}
`;

/** The exported functions. `sums`: rows are always run in chunks. */
export function exportsText(
  lowered: Lowered,
  { scratchBytes, sums, bytes }: { scratchBytes: number; sums: boolean; bytes: number },
): string {
  return `${adviseText(lowered, bytes)}
#include <pthread.h>
#define EXPORT __attribute__((visibility("default")))
#define MOST_THREADS 256
#if defined(__x86_64__)
#define WAIT_TURN __builtin_ia32_pause()
#elif defined(__aarch64__)
#define WAIT_TURN __asm__ volatile("yield")
#else
#define WAIT_TURN (void)0
#endif

static char *scratch_of(const int64_t *job, ix thread) {
  const uintptr_t at = (uintptr_t)job[${JOB.scratch}] + (uintptr_t)thread * ${scratchBytes};
  return (char *)((at + 63) & ~(uintptr_t)63);
}

struct task { int64_t *job; ix thread; };

/* Computes the next chunk; false where none is left. */
static int take_chunk(int64_t *job, ix thread) {
  const ix rows = (ix)job[${JOB.rows}], chunk = (ix)job[${JOB.chunk}];
  const ix first = (ix)__atomic_fetch_add(&job[${JOB.next}], (int64_t)chunk, __ATOMIC_RELAXED);
  if (first >= rows) return 0;
  const ix now = rows - first < chunk ? rows - first : chunk;
  run_rows(job, scratch_of(job, thread), first, now);
  __atomic_fetch_add(&job[${JOB.done}], (int64_t)now, __ATOMIC_RELEASE);
  return 1;
}

static void *take_rows(void *given) {
  const struct task *task = given;
  while (take_chunk(task->job, task->thread));
  return 0;
}

EXPORT void jr_run(int64_t *job) {
  advise(job);
${
  sums
    ? `  job[${JOB.next}] = 0;
  take_rows(&(struct task){job, 0});`
    : `  run_rows(job, scratch_of(job, 0), 0, (ix)job[${JOB.rows}]);`
}
}

${threadsText}`;
}
