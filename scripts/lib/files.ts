/**
 * The project's own source files.
 *
 * In: a folder of the repository. Out: paths relative to the root, with forward slashes, sorted.
 * Always: no installed or generated file is listed, and a folder that does not exist lists nothing.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

const skipped = new Set(["node_modules", "dist", "fixtures", "coverage"]);

/** Every file under `folder` whose name ends in `ending`. */
export function listFiles(folder: string, ending = ".ts"): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name) && !entry.name.startsWith("."))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return listFiles(path, ending);
      return entry.name.endsWith(ending) ? [path] : [];
    })
    .sort();
}

/** Every folder below `folder`, however deep. */
export function listFolders(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [`${folder}/${entry.name}`, ...listFolders(`${folder}/${entry.name}`)])
    .sort();
}

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
