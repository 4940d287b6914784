/**
 * Checks what the house style asks of the text of `src/`.
 *
 * In: every file of `src/`. Out: a finding per file without a header comment, per export without a line of
 * documentation, and per bare `throw new Error`.
 * Always: re-exports are exempt, because their documentation stands where the thing is declared; exports on
 * adjoining lines may share one comment.
 */
import { pathToFileURL } from "node:url";
import { listFiles, readText } from "./lib/files.ts";
import { report } from "./lib/report.ts";
import { isNode, lineOf, type Parsed, parse, type SyntaxNode, walk } from "./lib/syntax.ts";

/** All complaints about one file. */
export function styleOf(file: Parsed): string[] {
  const header = file.text
    .trimStart()
    .replace(/^#!.*\s*/, "")
    .startsWith("/**")
    ? []
    : [`${file.path}:1 has no header comment (what comes in, what goes out, what always holds)`];
  return [...header, ...undocumented(file), ...bareThrows(file)];
}

function undocumented(file: Parsed): string[] {
  const exported = (file.program["body"] as SyntaxNode[]).filter(
    (node) => node.type === "ExportNamedDeclaration" && isNode(node["declaration"]),
  );
  const ends = new Set(
    file.comments
      .filter(({ type, value }) => type === "Block" && value.startsWith("*"))
      .map(({ end }) => end + (/^\s*/.exec(file.text.slice(end))?.[0].length ?? 0)),
  );
  const shared = new Set(exported.map(({ end }) => end + 1));
  return exported.flatMap((node) => {
    const name = exportedName(node["declaration"] as SyntaxNode);
    if (shared.has(node.start) || ends.has(node.start)) return [];
    return [`${file.path}:${lineOf(file.text, node.start)} export ${name} has no line of documentation`];
  });
}

function exportedName(declaration: SyntaxNode): string {
  const list = declaration["declarations"];
  const first = Array.isArray(list) ? list.find(isNode) : declaration;
  const id = first?.["id"];
  return isNode(id) ? String(id["name"]) : declaration.type;
}

function bareThrows(file: Parsed): string[] {
  const found: string[] = [];
  walk(file.program, (node) => {
    const thrown = node.type === "ThrowStatement" ? node["argument"] : undefined;
    const callee = isNode(thrown) && thrown.type === "NewExpression" ? thrown["callee"] : undefined;
    if (!isNode(callee) || !/^(Type|Range|Syntax)?Error$/.test(String(callee["name"]))) return;
    found.push(`${file.path}:${lineOf(file.text, node.start)} throws a bare ${String(callee["name"])}`);
  });
  return found;
}

function main(): void {
  const paths = listFiles("src");
  report({
    checker: "style",
    summary: `${paths.length} files of src/ have headers, documented exports and errors with a code`,
    findings: paths.flatMap((path) => styleOf(parse(path, readText(path)))),
    fix: "write the comment; throw a UsageError, UnsupportedError or InternalError of src/errors.ts",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
