/**
 * Loads compiled kernels into this process through koffi, which is optional: the error says how to get it.
 */

import { createRequire } from "node:module";
import { InternalError, UsageError } from "../../errors.ts";

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
    koffi = loadKoffi(createRequire(import.meta.url));
    return koffi;
  } catch (cause) {
    throw new UsageError(
      "JR885",
      'device "native" calls compiled code through the package koffi, which is not installed: npm install koffi, or use device "wasm"',
      { cause },
    );
  }
}

/** The addon of koffi's package for this platform, where it has one: koffi's own module looks for it at twice the time. */
function loadKoffi(require: NodeJS.Require): Koffi {
  try {
    const addon = createRequire(require.resolve("koffi"));
    return addon(`@koromix/koffi-${process.platform}-${process.arch}`) as Koffi;
  } catch {
    return require("koffi") as Koffi;
  }
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
