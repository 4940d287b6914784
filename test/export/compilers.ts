/** Compilers under test: exported sources in folders of their own, made into libraries and loaded. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const root = mkdtempSync(join(tmpdir(), "jacrow-export-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What exported C compiles under without a warning. */
export const STRICT: readonly string[] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/** Is there such a command? */
export function present(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Those that are here. */
export const compilers: readonly string[] = ["gcc", "clang"].filter(present);

/** Writes the files to a folder of their own. */
export function folderOf(files: ReadonlyMap<string, string | Uint8Array>, name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (const [file, content] of files) writeFileSync(join(folder, file), content);
  return folder;
}

type Call = (...args: unknown[]) => void;

/** Compiles the function f into a library and loads it. */
export function load(
  folder: string,
  { compiler, flags, ports, work }: { compiler: string; flags: string[]; ports: number; work?: boolean },
): Call {
  const library = join(folder, `f${flags.join("")}.so`);
  const level = flags.includes("-DJACROW_PORTABLE") ? "-O0" : "-O1";
  const args = [...STRICT, level, ...flags, "-shared", "-fPIC", "-o", library, join(folder, "f.c"), "-lm"];
  execFileSync(compiler, args, { stdio: ["ignore", "ignore", "inherit"] });
  const koffi = createRequire(import.meta.url)("koffi") as {
    load(path: string): { func: (...signature: unknown[]) => Call };
  };
  const pointers = Array.from({ length: ports }, () => "void *");
  return koffi.load(library).func("f", "void", [...pointers, "size_t", ...(work ? ["void *"] : [])]);
}
