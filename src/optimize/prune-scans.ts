/**
 * Dead code inside scans: results that nobody reads, and what only they need, leave the body.
 *
 * A carry lives if its final value is read, or if a living result reads it in any step. Inputs of a body that no living
 * result reads are no longer passed.
 */

import type { Builder } from "../ir/builder.ts";
import { mapProgram, nodesOf, programOf, rebuild, topologicalOrder } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { Node, Program, ScanNode } from "../ir/types.ts";

/** The program without dead parts of scans, inner scans too; the same object if all are alive. */
export function pruneScans(program: Program): Program {
  if (!nodesOf(program).some((node) => node.op === "scan")) return program;
  const read = projectionsOf(program);
  const kept = new Map<Node, readonly number[]>();
  let changed = false;
  const result = mapProgram(program, (builder, node, operands) => {
    if (node.op === "project") {
      const scan = at(operands, 0);
      return builder.project(scan, (kept.get(scan) ?? []).indexOf(node.index), node);
    }
    if (node.op !== "scan") return rebuild(builder, node, operands);
    const living = livingResults(node.body, {
      carries: node.carries.length,
      read: read.get(node) ?? new Set(),
    });
    const scan = pruned(builder, node, { operands, living });
    changed ||= (scan as ScanNode).body !== node.body;
    kept.set(scan, living);
    return scan;
  });
  return changed ? result : program;
}

/** Which results of each scan are read. */
function projectionsOf(program: Program): Map<Node, Set<number>> {
  const read = new Map<Node, Set<number>>();
  for (const node of nodesOf(program)) {
    if (node.op !== "project") continue;
    read.set(node.a, (read.get(node.a) ?? new Set()).add(node.index));
  }
  return read;
}

/** Results that are read, and carries that they read in turn. */
function livingResults(
  body: Program,
  { carries, read }: { carries: number; read: ReadonlySet<number> },
): number[] {
  let living = [...read].sort((a, b) => a - b);
  for (;;) {
    const reached = reachedFrom(body, living);
    const next = body.outputs.flatMap((_, index) =>
      living.includes(index) || (index < carries && reached.has(at(body.inputs, index))) ? [index] : [],
    );
    if (next.length === living.length) return living;
    living = next;
  }
}

function reachedFrom(body: Program, results: readonly number[]): Set<Node> {
  return new Set(topologicalOrder(results.map((index) => at(body.outputs, index).value)));
}

/** The scan with only its living results and the inputs they read. */
function pruned(
  builder: Builder,
  { body, steps, carries, perStep }: ScanNode,
  { operands, living }: { operands: readonly Node[]; living: readonly number[] },
): Node {
  const reached = reachedFrom(body, living);
  const capturedStart = carries.length + perStep.length;
  const keep = (index: number): boolean =>
    index < carries.length ? living.includes(index) : reached.has(at(body.inputs, index));
  const inputs = body.inputs.filter((_, index) => keep(index));
  const whole = inputs.length === body.inputs.length && living.length === body.outputs.length;
  const smaller = whole
    ? body
    : programOf(
        body.name,
        inputs,
        living.map((index) => at(body.outputs, index)),
      );
  const part = (from: number, to: number): Node[] =>
    operands.slice(from, to).filter((_, index) => keep(from + index));
  return builder.scanNode(pruneScans(smaller), steps, {
    carries: part(0, carries.length),
    perStep: part(carries.length, capturedStart),
    captured: part(capturedStart, operands.length),
  });
}
