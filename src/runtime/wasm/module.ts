/**
 * Compiles module bytes, and says clearly when a page's security policy forbids it.
 *
 * Out of the bytes of our own encoder; a `CompileError` that is no policy is therefore our bug.
 */

import { InternalError, UsageError } from "../../errors.ts";

/** Modules up to this size compile in a few milliseconds: less than a turn through busy threads takes. */
const SMALL_BYTES = 64 * 1024;

/** Compiles without blocking for longer than a few milliseconds. */
export async function compileModule(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return (bytes.length <= SMALL_BYTES && compiledHere(bytes)) || (await WebAssembly.compile(bytes));
  } catch (error) {
    throw explained(error);
  }
}

/** Some browsers refuse all but the smallest modules on a page's own thread. */
function compiledHere(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    return undefined;
  }
}

/** Compiles on the calling thread. */
export function compileModuleSync(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    throw explained(error);
  }
}

function explained(cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/Content Security Policy|unsafe-eval|CSP|disallowed by embedder/i.test(message)) {
    return new UsageError(
      "JR861",
      "the page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src, or use device \"interpreter\"",
      { cause },
    );
  }
  return new InternalError("JR902", `WebAssembly refused a generated module: ${message}`, { cause });
}
