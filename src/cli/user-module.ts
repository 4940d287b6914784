/**
 * Functions of the user's own modules: `file.js#name`.
 *
 * In: a path and the name of an export. Out: what is exported there. Always: the module's `import … from "jacrow"` means
 * the jacrow that runs this command, so traced values of one copy never meet functions of another.
 */

import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../errors.ts";
import { fileStep } from "./exit.ts";

/** Imports `path` and gives its export `name`. */
export async function importExport(path: string, name: string): Promise<unknown> {
  const exported = await importModule(path);
  if (Object.hasOwn(exported, name)) return exported[name];
  const names = Object.keys(exported).join(", ") || "nothing";
  throw new UsageError("JR611", `${path} does not export ${name}; it exports ${names}`);
}

/** Everything a module of the user's exports. */
export async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path);
  if (!existsSync(file)) {
    await fileStep(() => {
      throw new UsageError("JR610", `cannot read ${path}: there is no such file; check the path`);
    });
  }
  useOwnJacrow();
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw importFailure(path, error);
  }
}

function importFailure(path: string, error: unknown): unknown {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const advice =
    code === "ERR_UNKNOWN_FILE_EXTENSION"
      ? "this Node does not read TypeScript; use Node 22.18 or newer, or give the compiled .js file"
      : `it failed while it was loaded: ${message.split("\n")[0]}`;
  return new UsageError("JR610", `cannot import ${path}: ${advice}`, { cause: error });
}

type Resolve = (
  specifier: string,
  context: unknown,
  next: (specifier: string, context: unknown) => unknown,
) => unknown;

/** What node:module offers depending on the version. */
interface Hooks {
  readonly registerHooks?: (hooks: { resolve: Resolve }) => void;
  readonly register: (specifier: string) => void;
}

let isRegistered = false;

/** Answers `jacrow` and its subpaths with the entry files beside this one. */
function useOwnJacrow(): void {
  if (isRegistered) return;
  isRegistered = true;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const entry = (name: string): string => new URL(`../${name}.${extension}`, import.meta.url).href;
  const entries: Readonly<Record<string, string>> = {
    jacrow: entry("index.node"),
    "jacrow/onnx": entry("onnx"),
    "jacrow/nn": entry("nn"),
    "jacrow/node": entry("node"),
  };
  const hooks = nodeModule as unknown as Hooks;
  if (hooks.registerHooks !== undefined) {
    hooks.registerHooks({
      resolve: (specifier, context, next) => next(entries[specifier] ?? specifier, context),
    });
    return;
  }
  const source = `const entries = ${JSON.stringify(entries)};
    export const resolve = (specifier, context, next) => next(entries[specifier] ?? specifier, context);`;
  hooks.register(`data:text/javascript,${encodeURIComponent(source)}`);
}
