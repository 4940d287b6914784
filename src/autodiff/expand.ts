/**
 * Program → program without Jacobian nodes, short scans, or calls that lack a derivative rule: what linearisation takes.
 * Inner Jacobians are expanded first, so nesting works to any depth.
 */

import { invariant } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, mapProgram, nodesOf, operandsOf, type Rewrite, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { Callee, CallNode, DerivativeRule, JacobianNode, Node, Program, Shape } from "../ir/types.ts";
import { inlineCalls, unrollScans } from "../optimize/optimize.ts";
import { withBody } from "../optimize/rewrite.ts";
import { isSparsePart, type Part, partNode, partOf } from "./parts.ts";
import type { Pattern } from "./pattern.ts";
import { arranged, DISPLACED, reducedProduct } from "./products.ts";

/** The planner, passed in because it expands programs itself: makes programs of ∂(output)/∂(input `wrt`). */
export interface Differentiate {
  readonly dense: (program: Program, request: One) => Program;
  /** Its nonzeros alone; undefined where most entries are nonzero. */
  readonly sparse: (program: Program, request: One) => Sparse | undefined;
}

interface One {
  readonly wrt: number;
  readonly output: number;
}

/** A program of one output, the nonzeros (nnz,), and where they stand. */
export interface Sparse {
  readonly program: Program;
  readonly pattern: Pattern;
}

/** Expands every `jacobian` node by the planner; products with one, and parts of sparse ones, never form it. */
export function expandJacobianNodes(program: Program, differentiate: Differentiate): Program {
  if (!nodesOf(program).some(hasJacobians)) return program;
  const body = (inner: Program): Program => expandJacobianNodes(inner, differentiate);
  const rest: Rewrite = (b, node, operands) => withBody(b, node, { operands, body });
  return expanded(program, { rest, differentiate });
}

/** Is it a Jacobian, or a loop with one inside? */
function hasJacobians(node: Node): boolean {
  return node.op === "jacobian" || (node.op === "scan" && nodesOf(node.body).some(hasJacobians));
}

interface How {
  readonly differentiate: Differentiate;
  /** Makes every other node. */
  readonly rest: Rewrite;
}

/** Nodes with Jacobians and their parts expanded, all others made by `rest`. */
function expanded(program: Program, { rest, differentiate }: How): Program {
  const nodes = nodesOf(program);
  if (!nodes.some(({ op }) => op === "jacobian")) return mapProgram(program, rest);
  const unformed = neverFormed(program, nodes, differentiate);
  return mapProgram(program, (b, node, operands) => {
    const part = partOf(node);
    const how = part && unformed.get(part.jacobian);
    if (part !== undefined && how !== undefined)
      return expandPart(b, part, { node, operands, differentiate, how });
    if (node.op === "jacobian" && !unformed.has(node))
      return at(inline(b, differentiate.dense(node.program, node), operands), 0);
    return node.op === "jacobian" ? rebuild(b, node, operands) : rest(b, node, operands);
  });
}

/** Jacobian nodes of which only parts are read: by products, or through their nonzeros. */
function neverFormed(
  program: Program,
  nodes: readonly Node[],
  { sparse }: Differentiate,
): ReadonlyMap<Node, Sparse | "products"> {
  const parts = new Map<JacobianNode, Part[]>();
  const formed = new Set<Node>(program.outputs.map(({ value }) => beneath(value)));
  for (const node of nodes) {
    const part = partOf(node);
    if (part !== undefined) parts.set(part.jacobian, [...(parts.get(part.jacobian) ?? []), part]);
    if (isView(node)) continue;
    for (const operand of operandsOf(node)) {
      const base = beneath(operand);
      const isRead = base === part?.jacobian && !(part.kind === "product" && operand === part.product.vector);
      if (!isRead && !isSummedSquare(node, program, nodes)) formed.add(base);
    }
  }
  const chosen = [...parts].flatMap(([jacobian, own]): [Node, Sparse | "products"][] => {
    if (formed.has(jacobian)) return [];
    if (own.every(({ kind }) => kind === "product")) return [[jacobian, "products"]];
    const found = own.every(isSparsePart) ? sparse(jacobian.program, jacobian) : undefined;
    return found === undefined ? [] : [[jacobian, found]];
  });
  return new Map(chosen);
}

const isView = (node: Node): node is Extract<Node, { op: "transpose" | "reshape" }> =>
  node.op === "transpose" || node.op === "reshape";

function beneath(node: Node): Node {
  let base = node;
  while (isView(base)) base = base.a;
  return base;
}

/** x · x of which only the sum of all cells is read. */
function isSummedSquare(node: Node, program: Program, nodes: readonly Node[]): boolean {
  if (node.op !== "mul" || node.a !== node.b || program.outputs.some(({ value }) => value === node))
    return false;
  return nodes.every((user) => !operandsOf(user).includes(node) || partOf(user)?.kind === "squares");
}

/** The Jacobian that a part's operand shows. */
function jacobianIn(operand: Node): Node {
  const base = beneath(operand);
  return base.op === "mul" ? beneath(base.a) : base;
}

interface Expansion {
  readonly node: Node;
  readonly operands: readonly Node[];
  readonly differentiate: Differentiate;
  readonly how: Sparse | "products";
}

function expandPart(b: Builder, part: Part, { node, operands, differentiate, how }: Expansion): Node {
  const copy = (operand: Node): Node => at(operands, operandsOf(node).indexOf(operand));
  const jacobian = operands.map(jacobianIn).find(({ op }) => op === "jacobian");
  invariant(jacobian?.op === "jacobian", "a Jacobian is kept until its parts are expanded");
  const vector = part.kind === "product" ? copy(part.product.vector) : undefined;
  if (how !== "products") {
    const values = at(inline(b, how.program, jacobian.args), 0);
    const sparse = { values, pattern: how.pattern };
    return partNode(b, part, { sparse, shapes: shapesOf(jacobian), ...(vector && { vector }) });
  }
  invariant(part.kind === "product" && vector !== undefined, "only products are expanded as products");
  const reduced = reducedProduct(b, part.product, { args: jacobian.args, vector });
  const dense = differentiate.dense(reduced.program, { wrt: reduced.wrt, output: 0 });
  const program = inlineCalls(dense, (name) => name !== DISPLACED);
  const value = at(inline(b, program, reduced.args), 0);
  return arranged(b, value, { from: reduced.labels, to: part.product.labels.result });
}

function shapesOf({ program, output, wrt }: JacobianNode): readonly [Shape, Shape] {
  return [at(program.outputs, output).value.shape, at(program.inputs, wrt).shape];
}

/** Nodes (steps × body) up to which a loop is taken apart before it is differentiated: planning across steps finds more. */
const UNROLLED_NODES = 1000;

/** Expands everything that linearisation does not take; loops of at most so many nodes (steps × body) are taken apart. */
export function expandAll(
  program: Program,
  differentiate: Differentiate,
  most: number = UNROLLED_NODES,
): Program {
  if (!nodesOf(program).some(isOpaque)) return program;
  const unrolled = unrollScans(program, most);
  const body = (inner: Program): Program => expandAll(inner, differentiate, most);
  const rest: Rewrite = (b, node, operands) =>
    node.op === "call"
      ? expandCall(b, node, { operands, differentiate })
      : withBody(b, node, { operands, body });
  return expanded(unrolled, { rest, differentiate });
}

/** What linearisation does not take as it is. */
function isOpaque(node: Node): boolean {
  if (node.op === "call") return node.callee.rule === undefined || hasOpaqueRule(node.callee);
  return node.op === "jacobian" || node.op === "scan";
}

const opaqueRules = new WeakMap<Callee, boolean>();

/** Does a callee's derivative rule use Jacobians, loops or calls that must be expanded? */
function hasOpaqueRule(callee: Callee): boolean {
  const known = opaqueRules.get(callee);
  if (known !== undefined || callee.rule === undefined) return known ?? false;
  opaqueRules.set(callee, false);
  const answer = nodesOf(ruleProgram(callee.rule)).some(isOpaque);
  opaqueRules.set(callee, answer);
  return answer;
}

function ruleProgram(rule: DerivativeRule): Program {
  return rule.kind === "jvp" ? rule.tangent() : rule.partials();
}

const expandedCallees = new WeakMap<Callee, Callee>();

/** The callee with its rule's program expanded; the same one where there is nothing to expand. */
function expandedCallee(callee: Callee, differentiate: Differentiate): Callee {
  const { rule } = callee;
  if (rule === undefined || !hasOpaqueRule(callee)) return callee;
  const known = expandedCallees.get(callee);
  if (known !== undefined) return known;
  const program = expandAll(ruleProgram(rule), differentiate);
  const own: DerivativeRule =
    rule.kind === "jvp"
      ? { kind: "jvp", tangent: () => program }
      : { kind: "elementwise", partials: () => program };
  const made = Object.freeze({ ...callee, rule: own });
  expandedCallees.set(callee, made);
  return made;
}

function expandCall(
  b: Builder,
  node: CallNode,
  { operands, differentiate }: { operands: readonly Node[]; differentiate: Differentiate },
): Node {
  if (node.callee.rule !== undefined) return b.call(expandedCallee(node.callee, differentiate), operands);
  return at(inline(b, expandAll(node.callee.body, differentiate), operands), 0);
}
