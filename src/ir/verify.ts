/**
 * What makes a program legal, checked node by node.
 *
 * In: a program. Out: nothing, or an `InternalError` that names program and node. A node is legal when a strict builder
 * makes exactly it from its operands: same op, shape, cell and level. Bodies of scans, calls and Jacobians are checked too.
 */

import { InternalError } from "../errors.ts";
import { Builder } from "./builder.ts";
import { nodesOf, operandsOf, rebuild } from "./graph.ts";
import { allAlike, showNodes } from "./infer.ts";
import type { Node, Program } from "./types.ts";

/** Throws unless the program, and every program inside it, is legal. */
export function verify(program: Program): void {
  const seen = new Set<Program>();
  const waiting = [program];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    verifyOne(next, next !== program);
    waiting.push(...nodesOf(next).flatMap((node) => programsIn(node)));
  }
}

/** The programs a node carries. */
export function programsIn(node: Node): Program[] {
  if (node.op === "scan") return [node.body];
  if (node.op === "call") return [node.callee.body];
  return node.op === "jacobian" ? [node.program] : [];
}

function verifyOne(program: Program, nested: boolean): void {
  verifyNames(
    program,
    "input",
    program.inputs.map((input) => input.name),
  );
  verifyNames(
    program,
    "output",
    program.outputs.map((output) => output.name),
  );
  const strict = new Builder({ identities: false });
  const copies = new Map<Node, Node>();
  const originals = new Map<Node, Node>();
  const inputs = new Set<Node>(program.inputs);
  for (const node of new Set([...program.inputs, ...nodesOf(program)])) {
    const fail = (why: string): never => {
      throw new InternalError("JR920", `program ${program.name}, %${node.id} = ${node.op}: ${why}`);
    };
    const complaint = ownComplaint(node, nested);
    if (complaint !== undefined) fail(complaint);
    if (node.op === "input" && !inputs.has(node)) fail(`${node.name} is not an input of the program`);
    const copy = remade(strict, node, { copies, fail });
    const twin = originals.get(copy);
    if (twin !== undefined) fail(`equals %${twin.id}, but is another node`);
    originals.set(copy, node);
    copies.set(node, copy);
  }
}

function verifyNames(program: Program, kind: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new InternalError("JR920", `program ${program.name} has two ${kind}s named ${twice}`);
}

/** What is wrong with the node that its operands' shapes do not tell. */
function ownComplaint(node: Node, nested: boolean): string | undefined {
  if (!Object.isFrozen(node)) return "is not frozen";
  if (!node.shape.every((size) => Number.isInteger(size) && size >= 0)) return `has sizes [${node.shape}]`;
  if (operandsOf(node).some((operand) => operand.id >= node.id)) return "has an operand with a greater id";
  if (nested && node.level === "finish") return "sums over rows inside a nested program";
  return complaintByOp(node);
}

function complaintByOp(node: Node): string | undefined {
  switch (node.op) {
    case "input":
      return node.level === "row" || node.level === "bound"
        ? undefined
        : `is an input of level ${node.level}`;
    case "iota":
      return node.axis >= 0 && node.axis < node.shape.length ? undefined : `has axis ${node.axis}`;
    case "convert":
      return node.cell !== node.a.cell && node.cell !== "bool"
        ? undefined
        : `turns ${node.a.cell} into ${node.cell}`;
    case "project":
      return projectComplaint(node.a, node);
    case "call":
      return node.callee.body.outputs.length === 1 ? undefined : "calls a program without exactly one output";
    default:
      return undefined;
  }
}

function projectComplaint(
  scan: Node,
  { index, shape, cell }: Extract<Node, { op: "project" }>,
): string | undefined {
  if (scan.op !== "scan") return `reads ${scan.op}, not scan`;
  const result = scan.body.outputs[index]?.value;
  if (result === undefined) return `reads result ${index} of ${scan.body.outputs.length}`;
  const stacked = index < scan.carries.length ? [] : [scan.steps];
  const promised = { shape: [...stacked, ...result.shape], cell: result.cell };
  return allAlike([promised], [{ shape, cell }]) ? undefined : `is ${showNodes([promised])} of its scan`;
}

function remade(
  strict: Builder,
  node: Node,
  { copies, fail }: { copies: ReadonlyMap<Node, Node>; fail: (why: string) => never },
): Node {
  const operands = operandsOf(node).map((operand) => copies.get(operand) as Node);
  try {
    const copy = rebuild(strict, node, operands);
    const same = copy.op === node.op && copy.level === node.level && allAlike([copy], [node]);
    if (!same)
      fail(`is ${node.level} ${showNodes([node])}, its operands make it ${copy.level} ${showNodes([copy])}`);
    if (operandsOf(copy).some((operand, index) => operand !== operands[index]))
      fail("has operands that need a broadcast");
    return copy;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}
