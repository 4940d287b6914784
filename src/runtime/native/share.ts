/**
 * Shares a call's rows among threads: one of koffi's, which starts others of the library's own, and for a moment the calling one.
 *
 * In: a job whose words say where everything lies. Always: its memory is kept until no thread may look at it; the calling thread
 * takes part in short calls only, where threads are late, and never for more than a moment, so the event loop goes on.
 */

import { JOB } from "../../codegen/c/run.ts";
import type { Library, NativeFunction } from "./library.ts";

/** A job's words, and where they lie. */
export interface Job {
  readonly words: BigInt64Array;
  readonly address: number;
}

/** A job and all that its words point to. */
export interface KeptJob extends Job {
  readonly kept: unknown;
}

/** The calling thread computes for no longer. */
const HELP_MS = 0.5;
/** Of the four threads that Node has for such calls, files and names need one; koffi refuses what is far above them. */
const MOST_APART = 3;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a job; resolves when all its rows are computed. `isShort`: the calling thread takes chunks as well. */
export async function shareRows(
  { share, help }: Library,
  job: KeptJob,
  { threads, isShort }: { threads: number; isShort: boolean },
): Promise<void> {
  const { words, address } = job;
  const word = (name: number): number => Number(words[name]);
  const chunks = Math.ceil(word(JOB.rows) / word(JOB.chunk));
  const most = Math.min(threads, chunks);
  const helps = isShort && most > 1;
  words[JOB.threads] = BigInt(helps ? most - 1 : most);
  const others = apart(share, job);
  if (!helps) return await others;
  const isLeft = (): boolean => word(JOB.next) < word(JOB.rows);
  const end = performance.now() + HELP_MS;
  words[JOB.most] = 1n;
  do help(address);
  while (isLeft() && performance.now() < end);
  words[JOB.most] = BigInt(chunks);
  // Always a turn of the event loop: callers may await call after call.
  await Promise.all(isLeft() && running < MOST_APART ? [others, apart(help, job)] : [others]);
}

/** Runs a function of the library on a thread of koffi's, which keeps the job; waits for a free one first. */
async function apart(call: NativeFunction, job: KeptJob): Promise<void> {
  if (running === MOST_APART) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    await new Promise<void>((resolve, reject) => {
      call.async(job.address, (error) =>
        error === null && job.kept !== undefined ? resolve() : reject(error),
      );
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
