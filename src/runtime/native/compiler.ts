/**
 * The C compiler of this machine: where it is, what it is, and what the processor offers it.
 *
 * It is found on PATH (or named by JACROW_CC or CC, a path or a name) and run without a shell. What it says about itself
 * is remembered in the cache, under the compiler file and the processor it was asked on.
 */

import { accessSync, constants, realpathSync, statSync, writeFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { basename, delimiter, isAbsolute, join } from "node:path";
import { UsageError } from "../../errors.ts";
import { cacheFolder, readOwnFile } from "./cache.ts";
import { digest, processes, readStart } from "./files.ts";

/** A compiler and the machine it compiles for. */
export interface Compiler {
  readonly path: string;
  /** Its version, as it says it. */
  readonly version: string;
  /** Options that let it use everything this processor has. */
  readonly machineFlags: readonly string[];
  /** Widest useful vectors. */
  readonly vectorBytes: 16 | 32 | 64;
  /** Vector registers. */
  readonly registers: 16 | 32;
  /** Multiply-adds that round once are one instruction. */
  readonly fused: boolean;
  /** Changes with the compiler, the ABI and the processor's features. */
  readonly identity: string;
}

let found: Compiler | undefined;

/** This machine's compiler. Throws `UsageError` JR881 if there is none. */
export function findCompiler(): Compiler {
  found ??= describe(locate());
  return found;
}

function locate(): string {
  const named = process.env["JACROW_CC"] ?? process.env["CC"];
  const names = [...(named === undefined || named === "" ? [] : [named]), "cc", "gcc", "clang"];
  for (const name of names) {
    const path = onPath(name);
    if (path !== undefined) return path;
  }
  throw new UsageError(
    "JR881",
    'device "native" needs a C compiler and found no cc, gcc or clang: install one (Debian: apt install gcc libc6-dev; macOS: xcode-select --install) or use device "wasm"',
  );
}

function onPath(name: string): string | undefined {
  const folders = isAbsolute(name) ? [""] : (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  if (!isAbsolute(name) && basename(name) !== name) return undefined;
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What is remembered of a compiler: the macros that it defines for this processor. */
interface Probe {
  readonly flags: readonly string[];
  readonly macros: string;
}

function describe(path: string): Compiler {
  const { flags, macros } = probe(path);
  const has = (name: string): boolean => macros.includes(`#define ${name} `);
  const version = /#define __VERSION__ "(.*)"/.exec(macros)?.[1] ?? "unknown";
  const wide = has("__AVX512F__") && has("__AVX512DQ__");
  if (!has("__LP64__")) {
    throw new UsageError(
      "JR882",
      `${path} compiles for a machine without 64-bit pointers: use device "wasm"`,
    );
  }
  return {
    path,
    version: `${has("__clang__") ? "clang" : "gcc"} ${version}`,
    machineFlags: flags,
    vectorBytes: wide ? 64 : has("__AVX__") ? 32 : 16,
    registers: wide || has("__aarch64__") ? 32 : 16,
    fused: has("__FMA__") || has("__AVX512F__") || has("__aarch64__"),
    identity: digest([realpathSync(path), platform(), arch(), ...flags, macros].join("\n")).slice(0, 32),
  };
}

function probe(path: string): Probe {
  const { size, mtimeMs } = statSync(path);
  const facts = [realpathSync(path), size, mtimeMs, platform(), arch(), processor()];
  const key = digest(facts.join("\n")).slice(0, 32);
  const file = join(cacheFolder(), `probe-${key}.json`);
  const known = readOwnFile(file);
  if (known !== undefined) {
    const { flags, macros } = JSON.parse(known.toString()) as Probe;
    if (Array.isArray(flags) && typeof macros === "string") return { flags, macros };
  }
  const fresh = ask(path);
  writeFileSync(file, JSON.stringify(fresh), { mode: 0o600 });
  return fresh;
}

function ask(path: string): Probe {
  const native = arch() === "arm64" ? "-mcpu=native" : "-march=native";
  for (const flags of [[native], []]) {
    try {
      const macros = processes().execFileSync(path, [...flags, "-dM", "-E", "-x", "c", "-"], {
        input: "",
        encoding: "utf8",
        stdio: ["pipe", "pipe", "ignore"],
      });
      return { flags, macros: macros.split("\n").sort().join("\n") };
    } catch {} // no such option: ask again without it
  }
  throw new UsageError("JR883", `${path} does not answer as a C compiler does: name another with JACROW_CC`);
}

/** What the system says the processor is: features included where it lists them. */
function processor(): string {
  try {
    return readStart("/proc/cpuinfo", 8192)
      .split("\n")
      .filter((line) => /^(model name|flags|Features|CPU (part|variant))\s*:/.test(line))
      .join("\n");
  } catch {
    return cpus()[0]?.model ?? "";
  }
}
