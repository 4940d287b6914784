/**
 * Checks the direction of imports: the tree of `src/` is the pipeline, and a stage imports only stages above it.
 *
 * In: every file of `src/`. Out: one finding per import that goes down the table, or that names a missing file.
 * Always: `src/errors.ts` is open to all, and the entry files `src/*.ts` may import anything.
 */
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { listFiles, readText, root } from "./lib/files.ts";
import { report } from "./lib/report.ts";
import { isNode, lineOf, type Parsed, parse, walk } from "./lib/syntax.ts";

/** The stages in the order of the pipeline; each may import those before it. */
export const stages: readonly string[] = [
  "ir",
  "optimize",
  "trace",
  "autodiff",
  "nn",
  "onnx",
  "lower",
  "codegen",
  "runtime",
  "data",
  "api",
  "cli",
];

/** One import of a file, with the place where it stands. */
export interface Import {
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
}

/** Every static, dynamic and type import of a file. */
export function importsOf(file: Parsed): Import[] {
  const found: Import[] = [];
  walk(file.program, (node) => {
    const source = node["source"];
    if (!isNode(source) || typeof source["value"] !== "string") return;
    found.push({ from: file.path, line: lineOf(file.text, node.start), specifier: source["value"] });
  });
  return found;
}

/** The complaint about one import, or undefined when it is in order. */
export function judge({ from, line, specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = normalize(join(dirname(from), specifier)).replaceAll("\\", "/");
  const place = `${from}:${line} imports ${target}`;
  if (!existsSync(join(root, target))) return `${place}, which does not exist`;
  const [stage, reached] = [stageOf(from), stageOf(target)];
  if (stage === undefined || target === "src/errors.ts") return undefined;
  if (!stages.includes(stage)) return `${from}: the folder src/${stage} has no place in the table of stages`;
  if (reached === undefined) return `${place}: a stage must not import ${entry(target)}`;
  if (stages.indexOf(reached) <= stages.indexOf(stage)) return undefined;
  return `${place}: ${stage} comes before ${reached}`;
}

function entry(target: string): string {
  return target.startsWith("src/") ? "an entry file" : "from outside src/";
}

/** The stage that a file belongs to; undefined for entry files and files outside `src/`. */
function stageOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function main(): void {
  const imports = listFiles("src").flatMap((path) => importsOf(parse(path, readText(path))));
  report({
    checker: "imports",
    summary: `${imports.length} imports follow ${stages.join(" → ")}`,
    findings: imports.map(judge).filter((finding) => finding !== undefined),
    fix: "move the shared part to the earlier stage, or pass it in as an argument",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
