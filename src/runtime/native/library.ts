/**
 * Loads compiled kernels into this process through koffi, which is optional: the error says how to get it.
 */

import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InternalError, UsageError } from "../../errors.ts";
import { readStart } from "./files.ts";

/** A C function: call it, or run it on another thread. */
export interface NativeFunction {
  (job: number | bigint): void;
  async(job: number | bigint, done: (error: Error | null) => void): void;
}

/** A kernel's functions. */
export interface Library {
  readonly run: NativeFunction;
  readonly share: NativeFunction;
  readonly help: NativeFunction;
}

/** The part of koffi that is used. */
interface Koffi {
  load(path: string): { func(definition: string): NativeFunction };
  address(value: ArrayBufferView | ArrayBufferLike): bigint;
}

let koffi: Koffi | undefined;
const libraries = new Map<string, Library>();

function required(): Koffi {
  if (koffi !== undefined) return koffi;
  try {
    koffi = loadAddon() ?? (createRequire(import.meta.url)("koffi") as Koffi);
    return koffi;
  } catch (cause) {
    throw new UsageError(
      "JR885",
      'device "native" calls compiled code through the package koffi, which is not installed: npm install koffi, or use device "wasm"',
      { cause },
    );
  }
}

/** Koffi's addon without its module and Node's `require`, which take several times as long to find it. */
function loadAddon(): Koffi | undefined {
  try {
    const path = addonPath(dirname(fileURLToPath(import.meta.url)));
    if (path === undefined) return undefined;
    const loaded: { exports: unknown } = { exports: {} };
    process.dlopen(loaded, path);
    return loaded.exports as Koffi;
  } catch {
    return undefined;
  }
}

/** Where package managers put the addon for Linux with glibc: beside koffi itself, in a folder above `from`. */
export function addonPath(from: string): string | undefined {
  if (process.platform !== "linux" || !readStart(process.execPath, 4096).includes("/ld-linux"))
    return undefined;
  const koffi = join(from, "node_modules", "koffi");
  if (!existsSync(koffi)) return dirname(from) === from ? undefined : addonPath(dirname(from));
  const [system, folder] = [`linux-${process.arch}`, `linux_${process.arch}`];
  const path = join(dirname(realpathSync(koffi)), "@koromix", `koffi-${system}`, folder, "koffi.node");
  return existsSync(path) ? path : undefined;
}

/** Throws `UsageError` JR885 unless koffi can be loaded. */
export function requireKoffi(): void {
  required();
}

/** The functions of a library file; each file is loaded once. */
export function loadLibrary(path: string): Library {
  let library = libraries.get(path);
  if (library === undefined) {
    library = load(path);
    libraries.set(path, library);
  }
  return library;
}

function load(path: string): Library {
  try {
    const loaded = required().load(path);
    const named = (name: string): NativeFunction => loaded.func(`void ${name}(void *job)`);
    return { run: named("jr_run"), share: named("jr_share"), help: named("jr_help") };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new InternalError("JR905", `the compiled kernel cannot be loaded: ${String(cause)}`, { cause });
  }
}

/** Where the first byte lies. The memory of a typed array stays in place for as long as something refers to it. */
export function addressOf(memory: ArrayBufferView | ArrayBufferLike): bigint {
  return required().address(memory);
}
