/**
 * What the tests of the project's pages read from Markdown.
 *
 * In: the text of a page. Out: its sections, list items, code blocks and the paths it names.
 * Always: plain string work for our own pages; not a parser of all Markdown.
 */

/** A fenced block with the words after its fence, the line it starts on, and the comment on the line before it. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  readonly line: number;
  /** The text of an HTML comment directly above, such as `continues`. */
  readonly note: string;
}

/** The text under the heading `title` (in any case), up to the next heading of its level or above. */
export function section(page: string, title: string): string {
  const lines = page.split("\n");
  const level = (line: string): number => /^#+(?= )/.exec(line)?.[0].length ?? 0;
  const isTitle = (line: string): boolean =>
    level(line) > 0 && line.toLowerCase().includes(title.toLowerCase());
  const start = lines.findIndex(isTitle);
  if (start === -1) return "";
  const depth = level(lines[start] ?? "");
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => level(line) > 0 && level(line) <= depth);
  return rest.slice(0, end === -1 ? undefined : end).join("\n");
}

/** The items of the outermost lists, each with the lines that continue it. */
export function listItems(text: string): string[] {
  const items: string[] = [];
  for (const line of text.split("\n")) {
    if (/^(\d+\.|[-*]) /.test(line)) items.push(line);
    else if (/^\s+\S/.test(line) && items.length > 0) items[items.length - 1] += `\n${line}`;
  }
  return items;
}

const pathLike = /^(?:[\w.-]+\/)+[\w.*-]*$|^[\w.-]+\.(?:ts|md|json|html|yml)$/;

/** The paths in backticks: `src/ir/`, `errors.ts`; braces are spread, `a/{b,c}` names two; patterns are left out. */
export function namedPaths(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, path = ""]) => path);
  const paths = quoted.flatMap(spread).filter((path) => pathLike.test(path) && !path.includes("*"));
  return [...new Set(paths)].filter((path) => !/^(dist|node_modules|\.cache)\//.test(path));
}

function spread(path: string): string[] {
  const braces = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path);
  if (braces === null) return [path];
  const [, before = "", middle = "", after = ""] = braces;
  return middle.split(",").flatMap((one) => spread(before + one.trim() + after));
}

/** Every fenced code block of the page, in order. */
export function codeBlocks(page: string): CodeBlock[] {
  const found = page.matchAll(/(?:^<!--\s*(.*?)\s*-->\n+)?^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm);
  return [...found].map(({ 0: all, 1: note = "", 2: language = "", 3: code = "", index }) => ({
    language,
    code,
    note,
    line: page.slice(0, index + all.indexOf("```")).split("\n").length,
  }));
}
