/**
 * A lowered program as a C file.
 *
 * It exports jr_run(job), which runs all rows on the calling thread, and jr_share(job), which shares them among threads.
 * Each tile copies its rows in, runs every stage (a function of its own), and copies its results out. A job is an array
 * of 64-bit words: addresses and counts, in the order of `JOB`.
 */

import { UnsupportedError } from "../../errors.ts";
import type { Buffer, Lowered, Port } from "../../lower/loops.ts";
import { emitStage } from "../emit.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { CFile } from "./file.ts";
import { machineOf } from "./machine.ts";
import { preludeText } from "./prelude.ts";
import { rowsText } from "./rows.ts";
import { CTarget } from "./target.ts";
import { tileRowsFor } from "./tiles.ts";

/** Options that change the code. */
export interface COptions {
  readonly vectorBytes: 16 | 32 | 64;
  /** Multiply-adds round once. */
  readonly fused: boolean;
  /** No call has more rows; default: any number. */
  readonly mostRows?: number;
}

/** A source file and how to lay out memory for it. */
export interface CKernel {
  readonly source: string;
  readonly layout: Layout;
  /** Constants are part of the source: no bytes. */
  readonly constants: Uint8Array;
  /** Bytes of bound memory. */
  readonly end: number;
  /** Bytes of scratch one thread needs, slack for alignment included. */
  readonly scratchBytes: number;
}

/** Words of a job before the ports' addresses. `next` is the first row that no thread has taken. */
export const JOB = { memory: 0, scratch: 1, rows: 2, chunk: 3, next: 4, threads: 5, ports: 6 } as const;

/** Writes the file of a lowered program. */
export function cKernel(lowered: Lowered, { vectorBytes, fused, mostRows }: COptions): CKernel {
  const { dtype } = lowered;
  if (lowered.sums.length > 0)
    throw new UnsupportedError(
      "JR417",
      `sums over rows ("${lowered.name}") have no native code yet: use device "wasm"`,
    );
  const shape = { dtype, vectorBytes };
  const machine = machineOf(shape);
  const most = mostRows ?? Number.POSITIVE_INFINITY;
  const tileRows = tileRowsFor(lowered, { machine, mostRows: most });
  const layout = layoutOf(lowered, {
    width: machine.width,
    mostRows: most,
    tileRows,
    blocking: machine.blocking,
  });
  const file = new CFile({ dtype, fused });
  const target = new CTarget(file, machine);
  lowered.stages.forEach((stage, index) =>
    define(file, `stage${index}`, () =>
      emitStage(stage, { target, layout, base: target.int(0), laneBytes: LANE_BYTES }),
    ),
  );
  const inner = { file, target, layout };
  defineConversions(inner, lowered.inputs, "in");
  defineConversions(inner, lowered.outputs, "out");
  const scratch = Math.ceil((lowered.scratchCells * layout.tileRows * layout.bytes) / 64) * 64;
  return {
    source: [preludeText(shape), rowsText, file.text, runText(lowered, { layout, scratch })].join("\n"),
    layout,
    constants: new Uint8Array(0),
    end: layout.end,
    scratchBytes: scratch + 128,
  };
}

const LANE_BYTES = { name: "n", key: "n", offset: 0 };
const PARAMS = ["char *restrict s", "const char *restrict m", "ix n"];

function define(file: CFile, name: string, write: () => void): void {
  file.define({ name, params: PARAMS, attributes: "JR_STAGE" }, () => {
    file.current.line("(void)s, (void)m, (void)n;");
    write();
    return undefined;
  });
}

interface Writing {
  readonly file: CFile;
  readonly target: CTarget;
  readonly layout: Layout;
}

/** Rows are floats; buffers may hold ints or masks: functions convert_in, convert_out change them in place. */
function defineConversions(
  { file, target, layout }: Writing,
  ports: readonly Port[],
  to: "in" | "out",
): void {
  const buffers = [...new Set(ports.map((port) => port.buffer))].filter(({ cell }) => cell !== "float");
  define(file, `convert_${to}`, () => {
    for (const buffer of buffers) {
      const cellBytes = layout.tileRows * layout.bytes;
      const start = (layout.placement.get(buffer) as number) * cellBytes;
      const end = target.int(start + buffer.cells * cellBytes);
      target.loop({ from: target.int(start), to: end, step: cellBytes }, (cell) => {
        target.loop({ from: target.int(0), to: LANE_BYTES, step: target.width * layout.bytes }, (lane) => {
          const at = target.plus(cell, lane);
          target.store(at, 0, converted(target, buffer, { at, to }));
        });
      });
    }
  });
}

type At = Parameters<CTarget["load"]>[0];

function converted(target: CTarget, { cell }: Buffer, { at, to }: { at: At; to: "in" | "out" }) {
  const { lanes } = target;
  const value = target.load(at, 0);
  if (cell === "int") return to === "in" ? target.floatToInt(value) : target.intToFloat(value);
  return to === "in" ? lanes.ne(value, lanes.constant(0)) : lanes.and(value, lanes.constant(1));
}

/** The loop over tiles, and the functions that are exported. */
function runText(lowered: Lowered, { layout, scratch }: { layout: Layout; scratch: number }): string {
  const { tileRows, bytes, placement } = layout;
  const cellBytes = tileRows * bytes;
  const place = ({ buffer }: Port): string => `s + ${(placement.get(buffer) as number) * cellBytes}`;
  const ports = [...lowered.inputs, ...lowered.outputs];
  const cells = ({ buffer }: Port): number => buffer.cells;
  const pointers = ports.map(
    (port, index) =>
      `  cell *r${index} = (cell *)(uintptr_t)job[${JOB.ports + index}] + first * ${cells(port)};`,
  );
  const copiesIn = lowered.inputs.map(
    (port, index) => `    rows_in(${place(port)}, r${index}, ${cells(port)}, ${cellBytes}, now);`,
  );
  const outputs = lowered.outputs.map((port, index) => ({ port, at: lowered.inputs.length + index }));
  const copiesOut = outputs.map(
    ({ port, at }) => `    rows_out(${place(port)}, r${at}, ${cells(port)}, ${cellBytes}, now);`,
  );
  const steps = ports.map((port, index) => `    r${index} += ${tileRows * cells(port)};`);
  return `static void run_rows(const int64_t *job, char *s, ix first, ix rows) {
  const char *m = (const char *)(uintptr_t)job[${JOB.memory}];
${pointers.join("\n")}
  for (; rows > 0; rows -= ${tileRows}) {
    const ix now = rows < ${tileRows} ? rows : ${tileRows};
    const ix n = (now + LANES - 1) / LANES * VECTOR_BYTES;
${copiesIn.join("\n")}
    convert_in(s, m, n);
${lowered.stages.map((_, index) => `    stage${index}(s, m, n);`).join("\n")}
    convert_out(s, m, n);
${copiesOut.join("\n")}
${steps.join("\n")}
  }
}
${exportsText(scratch + 128)}`;
}

function exportsText(scratchBytes: number): string {
  return `
#include <pthread.h>
#define EXPORT __attribute__((visibility("default")))
#define MOST_THREADS 256

static char *scratch_of(const int64_t *job, ix thread) {
  const uintptr_t at = (uintptr_t)job[${JOB.scratch}] + (uintptr_t)thread * ${scratchBytes};
  return (char *)((at + 63) & ~(uintptr_t)63);
}

EXPORT void jr_run(int64_t *job) { run_rows(job, scratch_of(job, 0), 0, (ix)job[${JOB.rows}]); }

struct task { int64_t *job; ix thread; };

static void *take_rows(void *given) {
  const struct task *task = given;
  int64_t *job = task->job;
  const ix rows = (ix)job[${JOB.rows}], chunk = (ix)job[${JOB.chunk}];
  for (;;) {
    const ix first = (ix)__atomic_fetch_add(&job[${JOB.next}], (int64_t)chunk, __ATOMIC_RELAXED);
    if (first >= rows) return 0;
    run_rows(job, scratch_of(job, task->thread), first, rows - first < chunk ? rows - first : chunk);
  }
}

/* A thread that cannot be started leaves its rows to the others. */
EXPORT void jr_share(int64_t *job) {
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
`;
}
