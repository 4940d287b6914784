/**
 * The entry points of the package, read from `package.json`.
 *
 * In: nothing. Out: what a user may import, with the built declaration and the condition it is for.
 * Always: only entries whose source exists are listed, so that planned ones can stand in the table early.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readText, root } from "./files.ts";

/** One entry point. */
export interface Entry {
  /** What users write: `jacrow`, `jacrow/onnx`. */
  readonly specifier: string;
  /** The built declarations, relative to the root. */
  readonly types: string;
  /** False for entries that exist on Node only. */
  readonly browser: boolean;
}

type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, Target>>;
}

/** Every entry point with declarations. */
export function entries(): Entry[] {
  const { name, exports } = JSON.parse(readText("package.json")) as Manifest;
  return Object.entries(exports).flatMap(([key, target]) => {
    const types = typeof target === "string" ? undefined : target["types"];
    if (typeof types !== "string" || typeof target === "string") return [];
    const file = types.replace("./", "");
    if (!existsSync(join(root, file.replace(/^dist\//, "src/").replace(/\.d\.ts$/, ".ts")))) return [];
    return [
      { specifier: name + key.slice(1), types: file, browser: "default" in target || "browser" in target },
    ];
  });
}
