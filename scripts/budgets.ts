/**
 * Checks the file and function budgets of the house style.
 *
 * In: every TypeScript file of the project. Out: the measured medians and percentiles, and a finding per limit broken.
 * Always: medians are of `src/`, over named functions; no function anywhere is exempt from the upper limits,
 * except the bodies that tests hand to `describe`, `test` and their kin.
 */
import { pathToFileURL } from "node:url";
import { listFiles, readText } from "./lib/files.ts";
import { report } from "./lib/report.ts";
import { isNode, lineOf, type Parsed, parse, type SyntaxNode, walk } from "./lib/syntax.ts";

/** The limits, in lines. */
export const limits = {
  file: { median: 120, ninetieth: 300, most: 500 },
  function: { median: 8, ninetieth: 25, most: 60 },
  parameters: 3,
} as const;

/** One function with its size. */
export interface FunctionSize {
  readonly place: string;
  /** Empty for a function that is passed on without a name. */
  readonly name: string;
  readonly lines: number;
  readonly parameters: number;
}

const kinds = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const namers = new Set(["VariableDeclarator", "Property", "PropertyDefinition", "MethodDefinition"]);

/** Every function of a file that has a body. */
export function functionsOf(file: Parsed): FunctionSize[] {
  const found: FunctionSize[] = [];
  walk(file.program, (node, parent) => {
    if (!kinds.has(node.type) || !isNode(node["body"]) || isTestBody(file, parent)) return;
    const outer = parent !== undefined && parent.type === "MethodDefinition" ? parent : node;
    const first = lineOf(file.text, outer.start);
    found.push({
      place: `${file.path}:${first}`,
      name: nameOf(node, parent),
      lines: lineOf(file.text, node.end) - first + 1,
      parameters: parametersOf(node),
    });
  });
  return found;
}

/** True for the argument of `describe(…)`, `test.each(…)(…)`: a list of cases, not a function to read. */
function isTestBody(file: Parsed, parent?: SyntaxNode): boolean {
  if (!file.path.startsWith("test/") || parent?.type !== "CallExpression") return false;
  return /^(describe|test|it|bench)\b/.test(file.text.slice(parent.start, parent.start + 10));
}

function nameOf(node: SyntaxNode, parent?: SyntaxNode): string {
  const holder = isNode(node["id"]) ? node["id"] : undefined;
  if (holder !== undefined) return String(holder["name"]);
  if (parent === undefined || !namers.has(parent.type)) return "";
  const key = parent["key"] ?? parent["id"];
  if (!isNode(key)) return "";
  return typeof key["name"] === "string" ? key["name"] : "(computed)";
}

function parametersOf(node: SyntaxNode): number {
  const list = Array.isArray(node["params"]) ? node["params"].filter(isNode) : [];
  return list.filter((parameter) => parameter["name"] !== "this").length;
}

/** The value that a fraction of `values` does not exceed. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0;
}

function overLimits(sizes: readonly FunctionSize[]): string[] {
  return sizes.flatMap(({ place, name, lines, parameters }) => {
    const label = `${place} ${name || "(unnamed)"}`;
    const long =
      lines > limits.function.most ? [`${label}: ${lines} lines, over ${limits.function.most}`] : [];
    const wide =
      parameters > limits.parameters ? [`${label}: ${parameters} parameters, over ${limits.parameters}`] : [];
    return [...long, ...wide];
  });
}

function overSpread(kind: "file" | "function", lines: readonly number[]): string[] {
  const [median, ninetieth] = [quantile(lines, 0.5), quantile(lines, 0.9)];
  const limit = limits[kind];
  const high = median > limit.median ? [`${kind} median in src/: ${median}, over ${limit.median}`] : [];
  const wide =
    ninetieth > limit.ninetieth
      ? [`${kind} 90th percentile in src/: ${ninetieth}, over ${limit.ninetieth}`]
      : [];
  return [...high, ...wide];
}

function spread(lines: readonly number[]): string {
  return `${quantile(lines, 0.5)} / ${quantile(lines, 0.9)} / ${Math.max(0, ...lines)}`;
}

function main(): void {
  const paths = ["src", "scripts", "bench", "examples", "test"].flatMap((folder) => listFiles(folder));
  const files = paths.map((path) => parse(path, readText(path)));
  const lengths = files.map((file) => ({ path: file.path, lines: file.text.split("\n").length - 1 }));
  const ours = lengths.filter(({ path }) => path.startsWith("src/")).map(({ lines }) => lines);
  const sizes = files.flatMap(functionsOf);
  const named = sizes.filter(({ place, name }) => place.startsWith("src/") && name !== "");
  const bodies = named.map(({ lines }) => lines);
  const tooLong = lengths.filter(({ lines }) => lines > limits.file.most);
  report({
    checker: "budgets",
    summary: `median / 90th / longest: file ${spread(ours)}, function ${spread(bodies)} lines`,
    findings: [
      ...tooLong.map(({ path, lines }) => `${path}: ${lines} lines, over ${limits.file.most}`),
      ...overLimits(sizes),
      ...overSpread("file", ours),
      ...overSpread("function", bodies),
    ],
    fix: "split by subject; give a long parameter list one options object",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
