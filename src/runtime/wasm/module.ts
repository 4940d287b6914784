/**
 * Compiles module bytes, and says clearly when a page's security policy forbids it.
 *
 * Out of the bytes of our own encoder; a `CompileError` that is no policy is therefore our bug.
 */

import { InternalError, UsageError } from "../../errors.ts";

/** Compiles without blocking. */
export async function compileModule(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw explained(error);
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
