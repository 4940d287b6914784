/**
 * The checkers of `npm run check` and of the pages find what they are there to find.
 *
 * In: small made-up files. Out: a failure when a checker passes what it must refuse, or refuses what is in order.
 */
import { describe, expect, test } from "vitest";
import { functionsOf, quantile } from "../../scripts/budgets.ts";
import { importsOf, judge } from "../../scripts/imports.ts";
import { countsLine, sum } from "../../scripts/lib/counts.ts";
import { parse } from "../../scripts/lib/syntax.ts";
import { styleOf } from "../../scripts/style.ts";
import { codeBlocks, listItems, namedPaths, section } from "./markdown.ts";
import { programsOf, promised, unprinted } from "./readme.ts";

describe("imports", () => {
  const complaint = (from: string, specifier: string): string | undefined =>
    judge({ from, line: 1, specifier });

  test("go up the table of stages only", () => {
    expect(complaint("src/cli/x.ts", "../errors.ts")).toBeUndefined();
    expect(complaint("src/ir/x.ts", "../cli/main.ts")).toMatch(/ir comes before cli|does not exist/);
    expect(complaint("src/ir/x.ts", "../index.ts")).toMatch(/entry file|does not exist/);
    expect(complaint("src/ir/x.ts", "../../scripts/imports.ts")).toMatch(/from outside src/);
    expect(complaint("src/ir/x.ts", "./no-such-file.ts")).toMatch(/does not exist/);
    expect(complaint("src/ir/x.ts", "node:fs")).toBeUndefined();
  });

  test("are found whatever their form", () => {
    const text = 'import a from "./a.ts";\nexport * from "./b.ts";\nconst c = await import("./c.ts");\n';
    const found = importsOf(parse("src/ir/x.ts", text));
    expect(found.map(({ line, specifier }) => `${line} ${specifier}`)).toEqual([
      "1 ./a.ts",
      "2 ./b.ts",
      "3 ./c.ts",
    ]);
  });
});

describe("budgets", () => {
  test("count lines and parameters of every function", () => {
    const text = "function f(a, b, c, d) {\n  return a;\n}\nconst g = (x: number) => x;\nh(() => 1);\n";
    const sizes = functionsOf(parse("src/x.ts", text));
    expect(sizes.map(({ name, lines, parameters }) => [name, lines, parameters])).toEqual([
      ["f", 3, 4],
      ["g", 1, 1],
      ["", 1, 0],
    ]);
  });

  test("leave out the bodies of tests, in tests only", () => {
    const text = 'describe("x", () => {});\n';
    expect(functionsOf(parse("test/x.test.ts", text))).toEqual([]);
    expect(functionsOf(parse("src/x.ts", text))).toHaveLength(1);
  });

  test("take quantiles of unsorted values", () => {
    expect(quantile([5, 1, 3], 0.5)).toBe(3);
    expect(quantile([], 0.5)).toBe(0);
  });
});

test("style wants headers, documentation and errors with a code", () => {
  const bad = "export const a = 1;\n\nfunction f() {\n  throw new Error('x');\n}\n";
  expect(styleOf(parse("src/x.ts", bad))).toEqual([
    expect.stringContaining("no header"),
    expect.stringContaining("export a"),
    expect.stringContaining("bare Error"),
  ]);
  const good = '/** What. */\nimport "./y.ts";\n\n/** One. */\nexport const a = 1;\nexport const b = 2;\n';
  expect(styleOf(parse("src/x.ts", good))).toEqual([]);
});

test("counts are summed", () => {
  const one = { passed: 2, failed: 1, skipped: 0 };
  expect(countsLine(sum([one, one]))).toBe("4 passed, 2 failed, 0 skipped");
});

describe("pages", () => {
  test("paths are read from backticks, with braces spread and patterns left out", () => {
    const text = "`src/codegen/{wasm,c}/`, `errors.ts`, `a + b`, `x.y`, `dist/index.js`, `ops/*.ts`";
    expect(namedPaths(text)).toEqual(["src/codegen/wasm/", "src/codegen/c/", "errors.ts"]);
  });

  test("sections and lists", () => {
    const page = "# A\n## How to add an operator\n1. one\n   more\n2. two\n## B\n3. three\n";
    expect(listItems(section(page, "how to add an operator"))).toEqual(["1. one\n   more", "2. two"]);
    expect(section(page, "no such title")).toBe("");
  });

  test("code blocks carry their line and the note above", () => {
    const page = "x\n<!-- continues -->\n```ts\na;\n```\n";
    expect(codeBlocks(page)).toEqual([{ language: "ts", code: "a;\n", note: "continues", line: 3 }]);
  });

  test("programs join what they continue, and know their output", () => {
    const page = "```ts\na;\n```\n\n```text\n1\n```\n\n<!-- continues -->\n\n```ts\nb;\n```\n";
    expect(programsOf(page).map(({ code, output }) => [code, output])).toEqual([
      ["a;\n", "1\n"],
      ["a;\nb;\n", undefined],
    ]);
  });

  test("promises are read beside and below console.log only", () => {
    const code = "const a = 1; // no promise\nconsole.log(a); // 1\n// 2\n\n// no promise\n";
    expect(promised(code)).toEqual(["1", "2"]);
  });

  test("output is compared line by line, in order", () => {
    expect(unprinted(["1", "took … ms"], "1\nx\ntook 3 ms\n", false)).toEqual([]);
    expect(unprinted(["2"], "1\n", false)).toHaveLength(2);
    expect(unprinted(["1"], "1\nx\n", true)).not.toEqual([]);
    expect(unprinted(["1", "x"], "1  \nx\n\n", true)).toEqual([]);
  });
});
