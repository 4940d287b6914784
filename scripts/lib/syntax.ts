/**
 * Syntax trees of TypeScript files, reduced to what the checkers ask for.
 *
 * In: a path and its text. Out: the parsed program, a walk over it, and line numbers.
 * Always: a file that does not parse is an error here, never a file without functions.
 */
import { type Comment, parseSync } from "oxc-parser";

/** A node of the syntax tree; its fields depend on `type`. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A parsed file. */
export interface Parsed {
  readonly path: string;
  readonly text: string;
  readonly program: SyntaxNode;
  readonly comments: readonly Comment[];
}

/** Parses one file; throws with its path when it is not TypeScript. */
export function parse(path: string, text: string): Parsed {
  const { program, comments, errors } = parseSync(path, text);
  const first = errors[0];
  if (first !== undefined) throw new SyntaxError(`${path}: ${first.message}`);
  return { path, text, program: program as unknown as SyntaxNode, comments };
}

/** True for values that are nodes of the tree. */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && typeof (value as SyntaxNode).type === "string";
}

/** The nodes directly below `node`, in the order of its fields. */
export function children(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node).flatMap((value) => {
    if (Array.isArray(value)) return value.filter(isNode);
    return isNode(value) ? [value] : [];
  });
}

/** Calls `visit` for every node, parents first. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode, parent?: SyntaxNode) => void): void {
  const step = (current: SyntaxNode, parent?: SyntaxNode): void => {
    visit(current, parent);
    for (const child of children(current)) step(child, current);
  };
  step(node);
}

/** The line of the character at `offset`, counted from 1. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
