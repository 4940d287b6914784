/**
 * The programs of the README and what they promise to print.
 *
 * In: the text of the page. Out: one program per ```ts block (joined where one continues another).
 * Always: the comparison ignores spaces at the ends of lines and blank lines at the ends of the output.
 */
import { codeBlocks } from "./markdown.ts";

/** One program of the page. */
export interface Program {
  readonly name: string;
  readonly line: number;
  readonly code: string;
  readonly typesOnly: boolean;
  /** All it prints, where the page shows it in a ```text block. */
  readonly output?: string;
}

/** Every program of the page, in order. */
export function programsOf(page: string): Program[] {
  const programs: Program[] = [];
  let previous = "";
  for (const { language, code, line, note } of codeBlocks(page)) {
    const last = programs.at(-1);
    if (language === "ts") {
      const before = note.startsWith("continues") ? (last?.code ?? "") : "";
      const typesOnly = note.startsWith("types only");
      programs.push({ name: `line-${line}`, line, code: before + code, typesOnly });
    } else if (language === "text" && previous === "ts" && last !== undefined) {
      programs[programs.length - 1] = { ...last, output: code };
    }
    previous = language;
  }
  return programs;
}

/** The lines that comments beside and below `console.log(…)` promise. */
export function promised(code: string): string[] {
  const lines: string[] = [];
  let printing = false;
  for (const line of code.split("\n")) {
    const beside = /^\s*(?:await )?console\.log\(.*\);\s*(?:\/\/ ?(.*))?$/.exec(line);
    const below = /^\s*\/\/ ?(.*)$/.exec(line);
    if (beside !== null) {
      printing = true;
      if (beside[1] !== undefined) lines.push(beside[1]);
    } else if (below !== null && printing) {
      lines.push(below[1] ?? "");
    } else {
      printing = false;
    }
  }
  return lines;
}

/** The expected lines that `printed` lacks, in order; with `whole`, also the printed lines nobody expected. */
export function unprinted(expected: readonly string[], printed: string, whole: boolean): string[] {
  const actual = trimmed(printed.split("\n"));
  const wanted = trimmed(expected);
  if (whole && actual.length !== wanted.length)
    return [`${actual.length} lines, not ${wanted.length}`, ...actual];
  let at = 0;
  return wanted.flatMap((line) => {
    const found = actual.findIndex((one, index) => index >= at && matches(line, one));
    if (found === -1 || (whole && found !== at))
      return [`expected: ${line}`, `printed: ${actual[at] ?? "nothing"}`];
    at = found + 1;
    return [];
  });
}

function trimmed(lines: readonly string[]): string[] {
  const cut = lines.map((line) => line.trimEnd());
  while (cut.at(-1) === "") cut.pop();
  return cut;
}

function matches(pattern: string, line: string): boolean {
  const parts = pattern.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
}
