/**
 * Where a program's derivative may jump, as a program: for every kink how far the row is from it.
 *
 * In: a program of values. Out: a program of the same inputs whose outputs are margins, one number per unit and row, in the units
 * of the kink's own argument: |a − b| for a comparison, max and min, |a| for abs and norms, the gap between the two
 * largest for a maximum over axes, the distance to the next step for rounding. Always: kinks that no output sees are left out.
 */

import { expandJacobians } from "../autodiff/index.ts";
import { Builder } from "../ir/builder.ts";
import { inline, mapProgram, nodesOf, operandsOf, programOf, rebuild } from "../ir/graph.ts";
import { uniformValue } from "../ir/identities.ts";
import { at } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import { unrollScans } from "../optimize/optimize.ts";

/** One kink of a program: a unit, or an array of them. */
export interface Kink {
  /** The ONNX node or source line it came from, else its operator. */
  readonly name: string;
  /** What has the kink: `le`, `abs`, `reduceMax`, … */
  readonly op: string;
  readonly shape: readonly number[];
}

/** The margins of all kinks: output i belongs to kink i. */
export interface Margins {
  readonly program: Program;
  readonly kinks: readonly Kink[];
}

const UNROLL_LIMIT = 20_000;

/** The margins of a program, whose outputs are in the order of evaluation. */
export function kinkMargins(program: Program): Margins {
  const open = unrollScans(openCalls(expandJacobians(program)), UNROLL_LIMIT);
  const b = new Builder();
  const copies = new Map<Node, Node>();
  const found = new Map<Node, Kink>();
  const seen = seenNodes(open);
  for (const node of nodesOf(open)) {
    const operands = operandsOf(node).map((operand) => copies.get(operand) as Node);
    copies.set(node, rebuild(b, node, operands));
    const margin = node.level === "row" && seen.has(node) ? marginOf(b, node, operands) : undefined;
    if (margin !== undefined && margin.level === "row" && !found.has(margin))
      found.set(margin, { name: node.origin?.name ?? node.op, op: opOf(node), shape: margin.shape });
  }
  const inputs = open.inputs.map((input) => (copies.get(input) ?? rebuild(b, input, [])) as InputNode);
  const outputs = [...found.keys()].map((value, index) => ({ name: `kink${index}`, value }));
  return { program: programOf(program.name, inputs, outputs), kinks: [...found.values()] };
}

/** Nodes that the outputs' derivatives see: values behind a gradient stop have none. */
function seenNodes(program: Program): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const stack = program.outputs.map(({ value }) => value);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.op !== "stopGradient") stack.push(...operandsOf(node));
  }
  return seen;
}

/** Calls without a rule replaced by their bodies under the call's name, except those whose derivative has no jump. */
function openCalls(program: Program): Program {
  return mapProgram(program, (b, node, operands) => {
    if (node.op !== "call" || node.callee.rule !== undefined || isContinuous(node))
      return rebuild(b, node, operands);
    const before = b.origin;
    b.origin = node.origin ?? { name: node.callee.name };
    try {
      return at(inline(b, withoutOrigins(openCalls(node.callee.body)), operands), 0);
    } finally {
      b.origin = before;
    }
  });
}

/** A body's own places say less than the call's. */
function withoutOrigins(program: Program): Program {
  return mapProgram(program, (b, node, operands) => {
    const { origin: _, ...rest } = node;
    return rebuild(b, rest, operands);
  });
}

/** celu, and elu with α = 1, are made of two pieces that meet with one slope. */
function isContinuous(node: Extract<Node, { op: "call" }>): boolean {
  const { name, attributes } = node.callee;
  return name === "celu" || (name === "elu" && attributes["alpha"] === 1);
}

function opOf(node: Node): string {
  return node.op === "call" ? node.callee.name : node.op;
}

/** How far a row is from the kink of a node, or nothing where it has none. */
function marginOf(b: Builder, node: Node, [x, y]: readonly Node[]): Node | undefined {
  if (x === undefined) return undefined;
  switch (node.op) {
    case "abs":
    case "sign":
      return x.cell === "float" ? b.unary("abs", x) : undefined;
    case "max":
    case "min":
    case "lt":
    case "le":
    case "eq":
    case "ne":
      // x ≠ x asks for NaN: that is no place where branches meet.
      return x.cell === "float" && x !== y ? apart(b, x, y as Node) : undefined;
    case "reduceMax":
      return x.cell === "float" ? leadOf(b, x, node.axes) : undefined;
    case "reduceMin":
      return x.cell === "float" ? leadOf(b, b.neg(x), node.axes) : undefined;
    case "floor":
    case "ceil":
      return apart(b, x, b.unary("round", x));
    case "round":
      return toHalf(b, x);
    case "mod":
      return x.cell === "float" ? toMultiple(b, x, y as Node) : undefined;
    case "convert":
      return x.cell === "float" ? apart(b, x, b.unary("round", x)) : undefined;
    case "call":
      if (node.callee.name === "maxFirst") return leadOf(b, x, [x.shape.length - 1]);
      return node.callee.name === "norm2" ? b.call(node.callee, [x]) : undefined;
    default:
      return undefined;
  }
}

/** |x − y|, written so that both orders are one node. */
function apart(b: Builder, x: Node, y: Node): Node {
  return b.unary("abs", x.id < y.id ? b.sub(x, y) : b.sub(y, x));
}

/** The largest less the second largest; 0 where the largest occurs twice. */
function leadOf(b: Builder, x: Node, axes: readonly number[]): Node {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const largest = b.reduce("reduceMax", x, axes);
  const isLargest = b.compare("eq", x, b.broadcast(b.reshape(largest, kept), x.shape));
  const ties = b.sum(b.convert(isLargest, "float"), axes);
  const second = b.reduce("reduceMax", b.select(isLargest, b.constant(Number.NEGATIVE_INFINITY), x), axes);
  const lead = b.select(b.compare("lt", b.constant(1), ties), b.constant(0), b.sub(largest, second));
  const flat = flatLevel(x);
  if (flat === undefined) return lead;
  return b.select(b.compare("eq", largest, b.constant(flat)), b.constant(Number.POSITIVE_INFINITY), lead);
}

/**
 * The value on which a layer below is constant, as relu is on 0: where all cells have it, their maximum does not jump before
 * one of them leaves it, and that is the layer's own kink.
 */
function flatLevel(x: Node): number | undefined {
  switch (x.op) {
    case "reshape":
    case "transpose":
    case "broadcast":
    case "slice":
    case "window":
      return flatLevel(x.a);
    case "concat":
      return flatLevel(x.parts.find((part) => part.level === "row") ?? at(x.parts, 0));
    case "select":
      return uniformValue(x.a) ?? uniformValue(x.b);
    default:
      return undefined;
  }
}

/** The distance to the next half, where rounding steps. */
function toHalf(b: Builder, x: Node): Node {
  const below = b.sub(x, b.constant(0.5));
  return apart(b, below, b.unary("round", below));
}

/** The distance of x to the next multiple of y. */
function toMultiple(b: Builder, x: Node, y: Node): Node {
  return apart(b, x, b.mul(y, b.unary("round", b.div(x, y))));
}
