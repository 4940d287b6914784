/**
 * Temporary files that become real ones or disappear (Node only).
 *
 * In: the path a file shall have in the end. Out: a file beside it to write to. Always: a partial file is removed when the
 * process exits or is told to stop before it was published.
 */

import { existsSync, linkSync, openSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorCode } from "./node-errors.ts";

const partials = new Set<string>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Creates a file in the folder of `path`; it is removed at exit until `publish` or `dropPartial` is called. */
export function openPartial(path: string): { readonly partial: string; readonly file: number } {
  const partial = join(dirname(path), `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}.part`);
  const file = openSync(partial, "wx");
  if (partials.size === 0) listen();
  partials.add(partial);
  return { partial, file };
}

/** Gives the finished `partial` its name in one step; fails with EEXIST where the name is taken, unless `force`. */
export function publish(partial: string, path: string, force: boolean): void {
  try {
    if (force) renameSync(partial, path);
    else renameWithoutOverwriting(partial, path);
  } finally {
    dropPartial(partial);
  }
}

/** Removes `partial` if it is there. */
export function dropPartial(partial: string): void {
  rmSync(partial, { force: true });
  partials.delete(partial);
  if (partials.size === 0) unlisten();
}

/** A hard link refuses a name that is taken, which rename does not. Some file systems have no links. */
function renameWithoutOverwriting(partial: string, path: string): void {
  try {
    linkSync(partial, path);
    unlinkSync(partial);
  } catch (error) {
    if (errorCode(error) === "EEXIST" || existsSync(path)) throw error;
    renameSync(partial, path);
  }
}

function dropAll(): void {
  for (const partial of partials) rmSync(partial, { force: true });
  partials.clear();
}

/** Removes the files, then lets the signal do what it would have done without this listener. */
function onSignal(signal: NodeJS.Signals): void {
  dropAll();
  unlisten();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function listen(): void {
  process.on("exit", dropAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off("exit", dropAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
