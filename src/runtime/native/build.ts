/**
 * C source to a library on disk, through the cache.
 *
 * The key is everything that decides the library's bytes and whether it runs here: source, compiler and version, flags,
 * ABI and processor features. Nothing passes through a shell.
 */

import type { ChildProcess } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { InternalError, UsageError } from "../../errors.ts";
import { cachedLibrary, finishEntry, startEntry } from "./cache.ts";
import type { Compiler } from "./compiler.ts";
import { digest, processes } from "./files.ts";

/** Optimising, but nothing that changes a float's bits. */
const FLAGS = [
  "-std=gnu11",
  "-O2",
  "-fno-tree-vectorize",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-fno-strict-aliasing",
  "-fvisibility=hidden",
  "-fPIC",
  "-shared",
  "-pthread",
];
/** A compiler that takes longer than this is stopped. */
const MOST_MS = 300_000;

/** The library of a source, if it is cached. */
export function knownLibrary(source: string, compiler: Compiler): string | undefined {
  return cachedLibrary(keyOf(source, compiler));
}

/** The library of a source; compiles unless it is cached. `aside`: this process may end while the compiler runs. */
export async function buildLibrary(
  source: string,
  compiler: Compiler,
  { aside = false }: { aside?: boolean } = {},
): Promise<string> {
  const key = keyOf(source, compiler);
  const known = cachedLibrary(key);
  if (known !== undefined) return known;
  const { folder, args } = prepare(source, compiler);
  try {
    const running = promisify(processes().execFile)(compiler.path, args, { timeout: MOST_MS, cwd: folder });
    if (aside) letGo(running.child);
    await running;
    return finishEntry(folder, key);
  } catch (error) {
    throw failed(error, { compiler, folder });
  }
}

/** The same on the calling thread. */
export function buildLibrarySync(source: string, compiler: Compiler): string {
  const key = keyOf(source, compiler);
  const known = cachedLibrary(key);
  if (known !== undefined) return known;
  const { folder, args } = prepare(source, compiler);
  try {
    const stdio = ["ignore", "ignore", "pipe"] as const;
    processes().execFileSync(compiler.path, args, { timeout: MOST_MS, cwd: folder, stdio: [...stdio] });
    return finishEntry(folder, key);
  } catch (error) {
    throw failed(error, { compiler, folder });
  }
}

/** A process and its pipes that do not keep this one from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as Socket | null)?.unref();
}

function keyOf(source: string, compiler: Compiler): string {
  const parts = [compiler.identity, compiler.version, ...FLAGS, ...tuning(compiler), source];
  return digest(parts.join("\0")).slice(0, 40);
}

function prepare(source: string, compiler: Compiler): { folder: string; args: string[] } {
  const { folder, library } = startEntry();
  const file = join(folder, "kernel.c");
  writeFileSync(file, source, { mode: 0o600 });
  return {
    folder,
    args: [...FLAGS, ...compiler.machineFlags, ...tuning(compiler), "-o", library, file, "-lm"],
  };
}

/**
 * Left to itself, GCC halves vectors on machines that it tunes for 256 bits, and looks for induction variables in long
 * bodies for longer than it takes to compile them.
 */
function tuning({ vectorBytes, version }: Compiler): string[] {
  return [
    ...(vectorBytes === 64 ? ["-mprefer-vector-width=512"] : []),
    ...(version.startsWith("gcc") ? ["--param", "iv-max-considered-uses=40"] : []),
  ];
}

function failed(error: unknown, { compiler, folder }: { compiler: Compiler; folder: string }): Error {
  rmSync(folder, { recursive: true, force: true });
  const first = reasonOf(error as Failure);
  const isStopped = /^stopped|signal terminated program/.test(first);
  if (isStopped || /No such file|cannot find|ENOENT|EACCES|ENOSPC/.test(first)) {
    const remedy = isStopped ? "leave it more memory and time" : "install the C library's headers";
    return new UsageError(
      "JR884",
      `${compiler.path} cannot compile here (${first}): ${remedy}, or use device "wasm"`,
      { cause: error },
    );
  }
  return new InternalError("JR904", `${compiler.version} refused a generated kernel: ${first}`, {
    cause: error,
  });
}

/** What running a compiler throws, on the calling thread or not. */
interface Failure {
  readonly stderr?: string | Uint8Array;
  readonly signal?: string | null;
  /** By its time limit. */
  readonly killed?: boolean;
  readonly code?: unknown;
  readonly message?: string;
}

/** What stopped the compiler, or the first error that it names. */
export function reasonOf(failure: Failure): string {
  const { stderr = "", signal, killed, code, message = "no reason given" } = failure;
  if ((killed === true && typeof code !== "string") || code === "ETIMEDOUT")
    return `stopped after ${MOST_MS / 1000} s`;
  const said = Buffer.from(stderr).toString().trim();
  const first = said.split("\n").find((line) => /error/i.test(line));
  if (typeof signal === "string") return `stopped by ${signal}${first === undefined ? "" : `: ${first}`}`;
  return first ?? (said === "" ? message : said).slice(0, 300);
}
