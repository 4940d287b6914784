/**
 * File-system failures as jacrow errors.
 *
 * In: what node:fs threw and the path it was about. Out: a `UsageError` that names the path and the fix; the original
 * error is its cause.
 */

import { UsageError } from "../errors.ts";

const FIXES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder; check the path",
  EACCES: "permission denied; check the rights of the file and its folder",
  EPERM: "the operation is not permitted; check the rights of the file and its folder",
  EROFS: "the file system is read-only; choose another folder",
  EISDIR: "it is a folder; name a file in it",
  ENOTDIR: "a part of the path is a file, not a folder",
  EEXIST: "it exists already; use --force (force: true) to overwrite it",
  ENOSPC: "the disk is full; free some space or choose another folder",
  EDQUOT: "the disk quota is used up; free some space or choose another folder",
  EFBIG: "the file system does not hold files of this size; choose another one",
  EMFILE: "too many files are open; close some or raise the limit",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "the links of this path lead in a circle",
  EPIPE: "the reader of the pipe has gone",
};

/** Runs `action`; what node:fs throws in it becomes a `UsageError` about `path`. `doing` is "read" or "write". */
export function withFileErrors<T>(doing: "read" | "write", path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(doing, path, error);
  }
}

function fileError(doing: string, path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  const fix = FIXES[code] ?? `the system says ${code}`;
  return new UsageError(code === "EEXIST" ? "JR721" : "JR720", `cannot ${doing} ${path}: ${fix}`, {
    cause: error,
  });
}

/** The system's code of an error of node:fs, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
