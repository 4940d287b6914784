/**
 * Programs as graphs: operands of a node, nodes in order, making a program, copying one into a builder.
 *
 * Nodes of different builders never mix: `inline` is the way from one to another.
 */

import { InternalError, invariant } from "../errors.ts";
import { Builder } from "./builder.ts";
import { operandsOf } from "./operands.ts";
import { rebuild } from "./rebuild.ts";
import { sameShape, showShape } from "./shape.ts";
import type { InputNode, Node, Output, Program } from "./types.ts";

export { operandsOf } from "./operands.ts";
export { rebuild } from "./rebuild.ts";

/**
 * All nodes reachable from `roots` (of one builder), operands before users, in a stable order; no recursion, graphs may be deep.
 * Ids are unique in a builder and operands' are smaller, so a bit per id says what has been seen.
 */
export function topologicalOrder(roots: readonly Node[]): Node[] {
  const seen = new Uint8Array(roots.reduce((most, { id }) => Math.max(most, id), -1) + 1);
  const order: Node[] = [];
  const stack: { readonly node: Node; readonly operands: readonly Node[]; next: number }[] = [];
  const push = (node: Node): void => {
    if (seen[node.id] !== 0) return;
    seen[node.id] = 1;
    stack.push({ node, operands: operandsOf(node), next: 0 });
  };
  for (const root of roots) {
    push(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const operand = top.operands[top.next++];
      if (operand !== undefined) push(operand);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/** What `make` gives for a node once `known` holds it for all that the node needs; no recursion, graphs may be deep. */
export function derived<T>(
  root: Node,
  known: Pick<WeakMap<Node, T>, "has" | "get" | "set">,
  { needs, make }: { needs: (node: Node) => readonly Node[]; make: (node: Node) => T },
): T {
  const stack = [root];
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    const open = known.has(node) ? [] : needs(node).filter((each) => !known.has(each));
    stack.push(...open);
    if (open.length > 0) continue;
    if (!known.has(node)) known.set(node, make(node));
    stack.pop();
  }
  return known.get(root) as T;
}

/** The program's nodes, operands before users. */
export function nodesOf(program: Program): Node[] {
  return topologicalOrder(program.outputs.map((output) => output.value));
}

/** A program of these outputs; every input they reach must be among `inputs`, whose names are distinct. */
export function programOf(name: string, inputs: readonly InputNode[], outputs: readonly Output[]): Program {
  const program: Program = Object.freeze({ name, inputs: [...inputs], outputs: [...outputs] });
  const names = new Set(inputs.map((input) => input.name));
  invariant(names.size === inputs.length, `${name}: inputs need distinct names`);
  invariant(
    new Set(outputs.map((output) => output.name)).size === outputs.length,
    `${name}: outputs need distinct names`,
  );
  const known = new Set<Node>(inputs);
  const stray = nodesOf(program).find((node) => node.op === "input" && !known.has(node));
  if (stray?.op === "input")
    throw new InternalError("JR903", `${name} reads ${stray.name}, which is not one of its inputs`);
  return program;
}

/** Copies a program's graph into `builder`, its inputs replaced by `args`; gives its outputs' values. */
export function inline(builder: Builder, program: Program, args: readonly Node[]): Node[] {
  const { inputs, name } = program;
  invariant(inputs.length === args.length, `${name} takes ${inputs.length} arguments, got ${args.length}`);
  const copies = new Map<Node, Node>();
  inputs.forEach((input, index) => {
    const arg = args[index] as Node;
    const fits = sameShape(input.shape, arg.shape) && input.cell === arg.cell;
    invariant(
      fits,
      `${name} takes ${input.name} ${input.cell}${showShape(input.shape)}, got ${arg.cell}${showShape(arg.shape)}`,
    );
    copies.set(input, arg);
  });
  return copied(program, copies, (node, operands) => rebuild(builder, node, operands));
}

/** Makes one node of a new program from a node of the old one and its new operands. */
export type Rewrite = (builder: Builder, node: Node, operands: readonly Node[]) => Node;

/** The program with every node but its inputs made anew by `rewrite` (default: the same node, identities applied). */
export function mapProgram(program: Program, rewrite: Rewrite = rebuild): Program {
  const builder = new Builder();
  const inputs = program.inputs.map((input) => rebuild(builder, input, []) as InputNode);
  const copies = new Map<Node, Node>(program.inputs.map((input, index) => [input, inputs[index] as Node]));
  const values = copied(program, copies, (node, operands) => rewrite(builder, node, operands));
  const outputs = program.outputs.map((output, index) => ({
    name: output.name,
    value: values[index] as Node,
  }));
  return programOf(program.name, inputs, outputs);
}

function copied(
  program: Program,
  copies: Map<Node, Node>,
  copy: (node: Node, operands: readonly Node[]) => Node,
): Node[] {
  for (const node of nodesOf(program)) {
    if (copies.has(node)) continue;
    if (node.op === "input")
      throw new InternalError("JR903", `${program.name} reads ${node.name}, which is not one of its inputs`);
    copies.set(
      node,
      copy(
        node,
        operandsOf(node).map((operand) => copies.get(operand) as Node),
      ),
    );
  }
  return program.outputs.map((output) => copies.get(output.value) as Node);
}
