/**
 * Where the command line writes, and what it may know of the place.
 *
 * Results go to standard output; everything said to people goes to standard error. Tests pass a terminal of their own.
 */

/** The two streams of a command, and the one thing that is asked of the environment. */
export interface Terminal {
  /** Results: JSON, tables. */
  out(text: string): void;
  /** Progress, notes, errors. */
  err(text: string): void;
  /** Is standard error watched by a person? */
  readonly isLive: boolean;
  /** Width of a line on standard error. */
  readonly columns: number;
  /** The value of JACROW_DEBUG. */
  readonly debug: string;
}

/** The terminal of this process. A reader that leaves early (`| head`) is no error. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on("error", ignoreClosedPipe);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isLive: stderr.isTTY && env["TERM"] !== "dumb" && env["CI"] === undefined,
    columns: stderr.columns ?? 80,
    debug: env["JACROW_DEBUG"] ?? "",
  };
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
