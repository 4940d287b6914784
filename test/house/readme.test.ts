/**
 * Keeps the README's programs true: each ```ts block type-checks under the strict flags, runs, and prints what it says.
 *
 * In: README.md. Out: a failure per block that does not compile, run or print as promised.
 * Always: `// …` after a `console.log(…)`, and on the lines below it, is what it prints; a ```text block below the
 * program is all of its output. `…` stands for anything. `<!-- continues -->` above a block joins it to the one
 * before; `<!-- types only: why -->` keeps a block from being run.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readText, root } from "../../scripts/lib/files.ts";
import { type Program, programsOf, promised, unprinted } from "./readme.ts";

const page = "README.md";
const programs = programsOf(readText(page));
const execute = promisify(execFile);

mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache/readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the programs as files that import the sources, for the compiler and for Node. */
function writeAll(): void {
  const up = relative(folder, root).replaceAll("\\", "/");
  for (const { name, code } of programs) {
    const own = code.replaceAll(
      /from "jacrow(?:\/(\w+))?"/g,
      (_, entry = "index") => `from "${up}/src/${entry}.ts"`,
    );
    writeFileSync(join(folder, `${name}.ts`), `${own}\nexport {};\n`);
  }
  const settings = {
    extends: `${up}/tsconfig.json`,
    compilerOptions: { rootDir: up, declaration: false, isolatedDeclarations: false },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
}

/** What a command prints, whether it succeeds or not. */
async function output(command: string, args: readonly string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout } = await execute(command, [...args], { cwd: root });
    return { code: 0, text: stdout };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return { code: 1, text: stdout + stderr };
  }
}

const node = (...args: string[]): ReturnType<typeof output> => output(process.execPath, args);

describe(page, checkPrograms);

function checkPrograms(): void {
  test("has programs to check", () => expect(programs.length).toBeGreaterThan(0));
  writeAll();

  test("its programs type-check under the strict flags", async () => {
    const { text } = await node(join(root, "node_modules/typescript/bin/tsc"), "-p", folder);
    expect(text).toBe("");
  });

  const runnable = programs.filter(({ typesOnly }) => !typesOnly);
  let printed: readonly string[] = [];
  beforeAll(async () => {
    printed = await runAll(runnable);
  });
  test.each(runnable)("the program on line $line runs and prints what it says", (program: Program) => {
    const text = printed[runnable.indexOf(program)] ?? "";
    expect(text).not.toContain(FAILED);
    if (program.output !== undefined) expect(unprinted(program.output.split("\n"), text, true)).toEqual([]);
    expect(unprinted(promised(program.code), text, false)).toEqual([]);
  });
}

const NEXT = "=== next program ===\n";
const FAILED = "=== failed ===";

/** What each program prints, and how it failed if it did; one process runs them one after the other. */
async function runAll(runnable: readonly Program[]): Promise<string[]> {
  const files = runnable.map(({ name }) => pathToFileURL(join(folder, `${name}.ts`)).href);
  const script = `for (const file of ${JSON.stringify(files)}) {
    await import(file).catch((error) => console.log(${JSON.stringify(FAILED)}, error));
    process.stdout.write(${JSON.stringify(NEXT)});
  }`;
  const { text } = await node("--import", "tsx", "--input-type=module", "-e", script);
  return text.split(NEXT);
}
