/**
 * Passes that take structure apart before lowering: calls become their bodies, short scans their steps, and gradient
 * stops go away. Each gives a program that computes the same bits.
 */

import { invariant } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, mapProgram, nodesOf, rebuild } from "../ir/graph.ts";
import { at, range } from "../ir/shape.ts";
import type { CallNode, Node, Program, ScanNode } from "../ir/types.ts";
import { withBody } from "./rewrite.ts";

/** Bodies that are done, by the program they were. */
type Done = Map<Program, Program>;

function remember(done: Done, program: Program, make: () => Program): Program {
  const made = done.get(program) ?? make();
  done.set(program, made);
  return made;
}

/** Is there such a node, in bodies of scans too? Passes that replace no node give the program back. */
function contains(program: Program, test: (node: Node) => boolean): boolean {
  return nodesOf(program).some((node) => test(node) || (node.op === "scan" && contains(node.body, test)));
}

/** Calls replaced by their bodies, inside bodies and scans too, except those whose callee's name is kept. */
export function inlineCalls(program: Program, keep: (name: string) => boolean = () => false): Program {
  return inlineCallsOf(program, keep, new Map());
}

function inlineCallsOf(program: Program, keep: (name: string) => boolean, done: Done): Program {
  const isInlined = (node: Node): node is CallNode => node.op === "call" && !keep(node.callee.name);
  if (!contains(program, isInlined)) return program;
  const body = (inner: Program): Program => remember(done, inner, () => inlineCallsOf(inner, keep, done));
  return mapProgram(program, (builder, node, operands) =>
    isInlined(node)
      ? at(inline(builder, body(node.callee.body), operands), 0)
      : withBody(builder, node, { operands, body }),
  );
}

/** Gradient stops replaced by their operands: for programs that nothing differentiates any more. */
export function dropStopGradients(program: Program): Program {
  return dropStopsOf(program, new Map());
}

function dropStopsOf(program: Program, done: Done): Program {
  if (!contains(program, ({ op }) => op === "stopGradient")) return program;
  const body = (inner: Program): Program => remember(done, inner, () => dropStopsOf(inner, done));
  return mapProgram(program, (builder, node, operands) =>
    node.op === "stopGradient" ? at(operands, 0) : withBody(builder, node, { operands, body }),
  );
}

/** Scans of at most `limit` nodes in all (steps × nodes of the body) replaced by their steps, inner scans first. */
export function unrollScans(program: Program, limit: number): Program {
  return unrollScansOf(program, limit, new Map());
}

function unrollScansOf(program: Program, limit: number, done: Done): Program {
  if (!contains(program, ({ op }) => op === "scan")) return program;
  const body = (inner: Program): Program => remember(done, inner, () => unrollScansOf(inner, limit, done));
  const unrolled = new Map<Node, Node[]>();
  return mapProgram(program, (builder, node, operands) => {
    if (node.op === "project") {
      const results = unrolled.get(at(operands, 0));
      return results === undefined ? rebuild(builder, node, operands) : at(results, node.index);
    }
    const made = withBody(builder, node, { operands, body });
    if (made.op === "scan" && unrolledNodes(made) <= limit) unrolled.set(made, stepsOf(builder, made));
    return made;
  });
}

/** Nodes of all steps, inner loops taken apart too. */
function unrolledNodes({ steps, body }: ScanNode): number {
  return steps * nodesOf(body).reduce((sum, node) => sum + (node.op === "scan" ? unrolledNodes(node) : 1), 0);
}

/** Final carries and stacked outputs of a scan, step after step. */
function stepsOf(builder: Builder, { body, steps, carries, perStep, captured }: ScanNode): Node[] {
  let current: readonly Node[] = carries;
  const stacks: Node[][] = body.outputs.slice(carries.length).map(() => []);
  for (const step of range(steps)) {
    const entries = perStep.map((stack) => entry(builder, stack, step));
    const results = inline(builder, body, [...current, ...entries, ...captured]);
    current = results.slice(0, carries.length);
    stacks.forEach((stack, index) => stack.push(at(results, carries.length + index)));
  }
  return [
    ...current,
    ...stacks.map((stack, index) => stacked(builder, stack, at(body.outputs, carries.length + index).value)),
  ];
}

function entry(builder: Builder, stack: Node, step: number): Node {
  return builder.reshape(builder.part(stack, { axis: 0, start: step, count: 1 }), stack.shape.slice(1));
}

function stacked(builder: Builder, parts: readonly Node[], { shape, cell }: Node): Node {
  if (parts.length === 0) return builder.constant(0, [0, ...shape], cell);
  invariant(
    parts.every((part) => part.cell === cell),
    "the steps of a scan's output have one cell",
  );
  return builder.concat(
    parts.map((part) => builder.reshape(part, [1, ...shape])),
    0,
  );
}
