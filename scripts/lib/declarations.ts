/**
 * The public declarations that a built entry point exports.
 *
 * In: the path of a `.d.ts` of `dist/`. Out: each exported name with the text of its declaration.
 * Always: re-exports are followed to where the thing is declared; comments and private members are left out.
 */
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { readText, root } from "./files.ts";
import { isNode, type Parsed, parse, type SyntaxNode } from "./syntax.ts";

/** One public name; overloads are several declarations. */
export interface Declaration {
  readonly name: string;
  readonly texts: readonly string[];
}

interface Scope extends Parsed {
  readonly statements: readonly SyntaxNode[];
}

/** Every name that the declarations at `path` export, sorted. */
export function declarationsOf(path: string): Declaration[] {
  const scope = open(path);
  const names = new Map<string, readonly string[]>();
  for (const statement of scope.statements) {
    for (const { name, texts } of exportsOf(scope, statement)) {
      names.set(name, [...(names.get(name) ?? []), ...texts]);
    }
  }
  return [...names].map(([name, texts]) => ({ name, texts })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function open(path: string): Scope {
  const file = parse(path, readText(path));
  return { ...file, statements: file.program["body"] as SyntaxNode[] };
}

function exportsOf(scope: Scope, statement: SyntaxNode): Declaration[] {
  if (statement.type === "ExportAllDeclaration") return exportedAll(scope, statement);
  if (statement.type !== "ExportNamedDeclaration") return [];
  const declared = statement["declaration"];
  if (isNode(declared)) return [{ name: declaredName(declared), texts: [clean(scope, statement)] }];
  const specifiers = (statement["specifiers"] as SyntaxNode[]) ?? [];
  return specifiers.map((one) => {
    const name = identifier(one["exported"]);
    const source = statement["source"];
    const local = identifier(one["local"]);
    const texts = isNode(source) ? follow(scope, sourceOf(source), local) : lookUp(scope, local);
    return { name, texts };
  });
}

function exportedAll(scope: Scope, statement: SyntaxNode): Declaration[] {
  const source = sourceOf(statement["source"] as SyntaxNode);
  const target = resolve(scope.path, source);
  if (target === undefined) return [{ name: `* from ${source}`, texts: [clean(scope, statement)] }];
  const spaceName = statement["exported"];
  if (!isNode(spaceName)) return declarationsOf(target);
  return [{ name: identifier(spaceName), texts: [`export * as ${identifier(spaceName)}`] }];
}

/** The declarations of `name` in the file that `source` names. */
function follow(scope: Scope, source: string, name: string): readonly string[] {
  const target = resolve(scope.path, source);
  const found = target && declarationsOf(target).find((one) => one.name === name);
  return found ? found.texts : [`export { ${name} } from "${source}";`];
}

/** The declarations of a name that this file declares or imports. */
function lookUp(scope: Scope, name: string): readonly string[] {
  const imported = scope.statements.find(
    (one) =>
      one.type === "ImportDeclaration" &&
      (one["specifiers"] as SyntaxNode[]).some(({ local }) => identifier(local) === name),
  );
  if (imported !== undefined) {
    const specifier = (imported["specifiers"] as SyntaxNode[]).find(
      ({ local }) => identifier(local) === name,
    );
    return follow(scope, sourceOf(imported["source"] as SyntaxNode), identifier(specifier?.["imported"]));
  }
  return scope.statements
    .map((one) => (isNode(one["declaration"]) ? one["declaration"] : one))
    .filter((one) => declaredName(one) === name)
    .map((one) => clean(scope, one));
}

function resolve(from: string, source: string): string | undefined {
  if (!source.startsWith(".")) return undefined;
  const path = normalize(join(dirname(from), source)).replaceAll("\\", "/");
  const declared = path.replace(/(\.d)?\.[jt]s$/, ".d.ts");
  return existsSync(join(root, declared)) ? declared : undefined;
}

function sourceOf(source: SyntaxNode): string {
  return String(source["value"]);
}

function identifier(value: unknown): string {
  return isNode(value) ? String(value["name"] ?? value["value"]) : "";
}

function declaredName(declaration: SyntaxNode): string {
  const list = declaration["declarations"];
  const first = Array.isArray(list) ? list.find(isNode) : undefined;
  return identifier((first ?? declaration)["id"]);
}

/** The text of a declaration without comments, private members, `export` and `declare`. */
function clean(scope: Scope, node: SyntaxNode): string {
  const inside = scope.comments.filter(({ start, end }) => start >= node.start && end <= node.end);
  let text = scope.text.slice(node.start, node.end);
  for (const { start, end } of inside.reverse()) {
    text = text.slice(0, start - node.start) + text.slice(end - node.start);
  }
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+(private |#)/.test(line))
    .join("\n")
    .replace(/^export /, "")
    .replace(/^declare /, "");
}
