/**
 * The engine of local rewriting: a rule is tried on every node, operands first, until nothing changes.
 *
 * In: a program and a rule. Out: an equal program. Bodies of scans are rewritten too, each once; bodies of calls and of
 * Jacobians stay as they are, because their rules belong to them.
 */

import type { Builder } from "../ir/builder.ts";
import { mapProgram, nodesOf, operandsOf, rebuild } from "../ir/graph.ts";
import type { Node, Program } from "../ir/types.ts";

/** What a rule may ask and use. */
export interface RuleContext {
  readonly builder: Builder;
  /** Is this operand read once only, so that taking it apart repeats no work? */
  readonly readOnce: (node: Node) => boolean;
}

/** A better node equal to the given one, or nothing. */
export type Rule = (node: Node, context: RuleContext) => Node | undefined;

/** Rules applied in a row at one node; a guard against rules that undo each other. */
const MOST_STEPS = 32;

/** The program after `rule` has been applied wherever it applies; the same object if it applies nowhere. */
export function rewrite(program: Program, rule: Rule, bodies: Map<Program, Program> = new Map()): Program {
  const uses = countUses(program);
  const usesOfNew = new Map<Node, number>();
  let changed = false;
  const body = (inner: Program): Program => {
    const done = bodies.get(inner) ?? rewrite(inner, rule, bodies);
    changed ||= done !== inner;
    bodies.set(inner, done);
    return done;
  };
  const readOnce = (node: Node): boolean => (usesOfNew.get(node) ?? 1) <= 1;
  const result = mapProgram(program, (builder, node, operands) => {
    let made = withBody(builder, node, { operands, body });
    for (let step = 0; step < MOST_STEPS; step++) {
      const better = rule(made, { builder, readOnce });
      if (better === undefined || better === made) break;
      made = better;
      changed = true;
    }
    usesOfNew.set(made, (usesOfNew.get(made) ?? 0) + (uses.get(node) ?? 0));
    return made;
  });
  return changed || nodesOf(result).length !== nodesOf(program).length ? result : program;
}

/** The node over new operands; a scan gets `body(its body)`. */
export function withBody(
  builder: Builder,
  node: Node,
  change: { operands: readonly Node[]; body: (program: Program) => Program },
): Node {
  const changed = node.op === "scan" ? Object.freeze({ ...node, body: change.body(node.body) }) : node;
  return rebuild(builder, changed, change.operands);
}

/** How often each node is read, by nodes and as an output. */
export function countUses(program: Program): Map<Node, number> {
  const uses = new Map<Node, number>();
  const count = (node: Node): unknown => uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of nodesOf(program)) operandsOf(node).forEach(count);
  for (const { value } of program.outputs) count(value);
  return uses;
}
