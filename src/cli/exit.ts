/**
 * How a command ends: its exit code, and the one message about an error.
 *
 * In: what was thrown, and whether it came from reading or writing a file. Out: an exit code and text for standard
 * error. Always: an error that is not jacrow's own is called a bug, with the way to report it.
 */

import { InternalError, JacrowError, UnsupportedError, UsageError } from "../errors.ts";

/** What the exit codes mean. */
export const EXIT = {
  ok: 0,
  checkFailed: 1,
  usage: 2,
  unsupported: 3,
  files: 4,
  internal: 70,
  interrupted: 130,
} as const;

const fileErrors = new WeakSet<Error>();

/** Runs a step that reads or writes files: the mistakes it reports end the command with the code for files. */
export async function fileStep<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UsageError) fileErrors.add(error);
    throw error;
  }
}

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UnsupportedError) return EXIT.unsupported;
  if (error instanceof UsageError) return fileErrors.has(error) ? EXIT.files : EXIT.usage;
  return EXIT.internal;
}

/** The library's words and the options they are here. */
const OPTIONS: readonly (readonly [RegExp, string])[] = [
  [/allowZero: true/g, "--allow-zero"],
  [/\boutputs: \[i\]/g, "--outputs I"],
  [/\{ batchAxis: null \}/g, "--batch-axis none"],
  [/\{ batchAxis: (\d+), sizes: \{ "([^"]*)": (\d+) \} \}/g, "--batch-axis $1 --sizes $2=$3"],
];

/** A message of the library in words of the command line. */
export function inOptions(message: string): string {
  return OPTIONS.reduce((text, [words, option]) => text.replace(words, option), message);
}

/** What to print about an error; the stack only for our own bugs, and only when JACROW_DEBUG is set. */
export function errorText(error: unknown, debug: string): string {
  const isOurs = error instanceof JacrowError && !(error instanceof InternalError);
  if (isOurs) return `jacrow: ${inOptions(error.message)}\n`;
  const message = error instanceof Error ? error.message : String(error);
  const stack = debug !== "" && error instanceof Error ? `${error.stack ?? ""}\n` : "";
  const code = error instanceof JacrowError ? "" : "JR900: ";
  const advice =
    "this is a bug of jacrow; please report it with the command (JACROW_DEBUG=1 prints the stack)";
  return `jacrow: ${code}${message}; ${advice}\n${stack}`;
}

/** The same as plain data, for --json. */
export function errorData(error: unknown): { code: string; kind: string; message: string } {
  const code = error instanceof JacrowError ? error.code : "JR900";
  const kind = error instanceof JacrowError ? error.name : "InternalError";
  const message = error instanceof Error ? error.message : String(error);
  const text = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  return { code, kind, message: inOptions(text) };
}
