/**
 * Keeps ARCHITECTURE.md true.
 *
 * In: the page and the tree. Out: a failure for a folder of `src/` it leaves out, for a path it names that does not
 * exist, and for a "how to add …" list that leads nowhere.
 * Always: all of the page is checked; without the page the run fails.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listFolders, readText, root } from "../../scripts/lib/files.ts";
import { listItems, namedPaths, section } from "./markdown.ts";

const page = "ARCHITECTURE.md";
const text = readText(page);

/** True for a path from the root, or from `src/`, as the page may write it for short. */
function isReal(path: string): boolean {
  return existsSync(join(root, path)) || existsSync(join(root, "src", path));
}

describe(page, checkPage);

function checkPage(): void {
  test("names every folder of src/", () => {
    const named = namedPaths(text).map((path) => path.replace(/\/$/, ""));
    const known = new Set(named.flatMap((path) => [path, `src/${path}`]));
    const isNamed = (folder: string): boolean =>
      known.has(folder) || [...known].some((path) => path.startsWith(`${folder}/`));
    expect(listFolders("src").filter((folder) => !isNamed(folder))).toEqual([]);
  });

  test("names only files and folders that exist", () => {
    expect(namedPaths(text).filter((path) => !isReal(path))).toEqual([]);
  });

  test.each(["How to add an operator", "How to add a target"])("%s: each step leads to a file", (title) => {
    const steps = listItems(section(text, title));
    expect(steps.length, `the section "${title}" has a list of at least two steps`).toBeGreaterThan(1);
    const files = steps.map((step) => namedPaths(step).filter(isReal));
    expect(steps.filter((_, index) => files[index]?.length === 0)).toEqual([]);
  });
}
