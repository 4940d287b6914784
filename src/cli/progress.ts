/**
 * Progress on standard error: a live bar for a person, a plain line every few seconds otherwise, nothing when quiet.
 *
 * In: rows done so far. Always: fast runs print nothing, and the bar is wiped before anything else is said.
 */

import type { Terminal } from "./terminal.ts";

/** Reports how far a command is. */
export interface Progress {
  /** `done` rows of all are finished. */
  update(done: number): void;
  /** Wipes the bar. */
  end(): void;
}

const LIVE_MS = 100;
const PLAIN_MS = 3000;

/** Starts reporting on `total` rows. */
export function startProgress(terminal: Terminal, total: number, quiet: boolean): Progress {
  if (quiet) return { update: () => {}, end: () => {} };
  const start = performance.now();
  const pause = terminal.isLive ? LIVE_MS : PLAIN_MS;
  let last = start;
  let shown = false;
  return {
    update(done) {
      const now = performance.now();
      if (now - last < pause || done >= total) return;
      last = now;
      shown = true;
      const text = progressText({ done, total, seconds: (now - start) / 1000 });
      terminal.err(
        terminal.isLive ? `\r${bar(done / total, terminal.columns - text.length)}${text}\x1b[K` : `${text}\n`,
      );
    },
    end() {
      if (shown && terminal.isLive) terminal.err("\r\x1b[K");
      shown = false;
    },
  };
}

/** "52 %, 934 of 1797 rows, 12 s left". */
export function progressText({
  done,
  total,
  seconds,
}: {
  done: number;
  total: number;
  seconds: number;
}): string {
  const left = Math.ceil((seconds / done) * (total - done));
  return `${Math.floor((100 * done) / total)} %, ${done} of ${total} rows, ${left} s left`;
}

function bar(fraction: number, room: number): string {
  const width = Math.min(30, room - 4);
  if (width < 5) return "";
  const full = Math.round(fraction * width);
  return `[${"#".repeat(full)}${"-".repeat(width - full)}] `;
}
