/**
 * Local Jacobians of every op as LinearMaps: which operands a node's tangent depends on, and how.
 *
 * Movements only rename labels; gathers, scatters and windows multiply by a 0/1 selection that the
 * composition recognises; calls with a rule of their own never come here (see `linearize.ts`).
 */

import { InternalError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { isBinary, isReduce, isUnary } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type {
  BinaryNode,
  ContractNode,
  GatherNode,
  Node,
  PadNode,
  ReduceNode,
  ScatterAddNode,
  Shape,
  SliceNode,
  UnaryNode,
  UnwindowNode,
  WindowNode,
} from "../ir/types.ts";
import { composeMaps } from "./compose.ts";
import {
  type Axis,
  freshAxes,
  freshAxis,
  type Label,
  type Labelled,
  label,
  labelled,
  labelsOfAxes,
  reduceLabels,
} from "./labels.ts";
import { type LinearMap, movingTerm, type Term } from "./linear-map.ts";
import { extremalRule, productRule } from "./reductions.ts";
import { binaryRules, type Partial, unaryRules } from "./rules.ts";

/** Dependence of a node's tangent on one operand's. */
export interface Edge {
  readonly operand: Node;
  readonly map: LinearMap;
}

/** A diagonal map on `axes` from a partial derivative; "zero" gives the zero map. */
export function diagonalMap(b: Builder, partial: Partial | "zero", axes: readonly Axis[]): LinearMap {
  if (partial === "zero") return [];
  const { factor, guard, scale = 1 } = partial;
  return [
    {
      out: axes,
      in: axes,
      scale,
      ...(factor && { factor: unrepeated(b, factor, axes) }),
      ...(guard && { guard: unrepeated(b, guard, axes) }),
    },
  ];
}

/** A value broadcast to the axes, labelled only along those it varies on. */
function unrepeated(b: Builder, node: Node, axes: readonly Axis[]): Labelled {
  if (node.op === "broadcast") return unrepeated(b, node.a, axes);
  const own = axes.slice(axes.length - node.shape.length);
  return labelled(
    b,
    node,
    own.map((axis, index) => (node.shape[index] === 1 ? { labels: [] } : axis)),
  );
}

/** The edges of a node, one per operand that can carry a tangent. */
export function localEdges(b: Builder, node: Node): readonly Edge[] {
  if (node.cell !== "float") return [];
  if (isUnary(node.op))
    return [
      {
        operand: (node as UnaryNode).a,
        map: diagonalMap(b, unaryRules[node.op](b, node as UnaryNode), freshAxes(node.shape)),
      },
    ];
  if (isBinary(node.op)) return binaryEdges(b, node as BinaryNode);
  if (isReduce(node.op)) return reduceEdges(b, node as ReduceNode);
  const rule = movements[node.op];
  if (rule === undefined) throw new InternalError("JR910", `no local derivative for ${node.op}`);
  return rule(b, node as never);
}

function binaryEdges(b: Builder, node: BinaryNode): Edge[] {
  const [first, second] = binaryRules[node.op](b, node);
  return [
    { operand: node.a, map: diagonalMap(b, first, freshAxes(node.shape)) },
    { operand: node.b, map: diagonalMap(b, second, freshAxes(node.shape)) },
  ];
}

function reduceEdges(b: Builder, node: ReduceNode): Edge[] {
  const from = freshAxes(node.a.shape);
  const out = from.filter((_, axis) => !node.axes.includes(axis));
  if (node.op === "reduceSum") return [{ operand: node.a, map: [movingTerm(out, from)] }];
  const partial = node.op === "reduceProd" ? productRule(b, node) : extremalRule(b, node);
  const [diagonal] = diagonalMap(b, partial, from);
  return [{ operand: node.a, map: [{ ...(diagonal as Term), out }] }];
}

type Movements = {
  readonly [K in Node["op"]]?: (b: Builder, node: Extract<Node, { op: K }>) => readonly Edge[];
};

const none = (): readonly Edge[] => [];

const movements: Movements = {
  input: none,
  constant: none,
  iota: none,
  convert: none,
  stopGradient: none,
  select: (b, { condition, a, b: other, shape }) => [
    { operand: a, map: diagonalMap(b, { guard: condition }, freshAxes(shape)) },
    { operand: other, map: diagonalMap(b, { guard: b.not(condition) }, freshAxes(shape)) },
  ],
  reshape: (b, { a, shape }) => [{ operand: a, map: reshapeMap(b, a.shape, shape) }],
  transpose: (_, { a, order }) => {
    const from = freshAxes(a.shape);
    return [
      {
        operand: a,
        map: [
          movingTerm(
            order.map((axis) => at(from, axis)),
            from,
          ),
        ],
      },
    ];
  },
  broadcast: (_, { a, shape }) => {
    const from = freshAxes(a.shape);
    const offset = shape.length - from.length;
    const out = shape.map((size, axis) => {
      const own = from[axis - offset];
      return own === undefined || a.shape[axis - offset] !== size ? freshAxis(size) : own;
    });
    return [{ operand: a, map: [movingTerm(out, from)] }];
  },
  slice: (_, node) => {
    const out = freshAxes(node.shape);
    return [{ operand: node.a, map: [movingTerm(out, embedAll(out, node, node.a.shape))] }];
  },
  pad: (_, node) => {
    const from = freshAxes(node.a.shape);
    return [{ operand: node.a, map: [movingTerm(embedAll(from, node, node.shape), from)] }];
  },
  concat: (_, { parts, axis, shape }) => {
    let start = 0;
    return parts.map((part) => {
      const from = freshAxes(part.shape);
      const embed = { start, step: 1, size: at(shape, axis) };
      start += at(part.shape, axis);
      const out = from.map((own, index) =>
        index === axis && parts.length > 1 ? { labels: own.labels, embed } : own,
      );
      return { operand: part, map: [movingTerm(out, from)] };
    });
  },
  gather: (b, node) => [{ operand: node.a, map: [selectionTerm(b, node, "gather")] }],
  scatterAdd: (b, node) => [{ operand: node.a, map: [selectionTerm(b, node, "scatter")] }],
  window: (b, node) => [{ operand: node.a, map: [windowTerm(b, node, "window")] }],
  unwindow: (b, node) => [{ operand: node.a, map: [windowTerm(b, node, "unwindow")] }],
  contract: (b, node) => [contractEdge(b, node, "a"), contractEdge(b, node, "b")],
};

function embedAll(
  axes: readonly Axis[],
  { starts, steps }: SliceNode | PadNode,
  shape: readonly number[],
): Axis[] {
  return axes.map((axis, index) => {
    const [start, step, size] = [at(starts, index), at(steps, index), at(shape, index)];
    const whole = start === 0 && step === 1 && (axis.labels[0]?.size ?? 1) === size;
    return whole ? axis : { labels: axis.labels, embed: { start, step, size } };
  });
}

/** Reshape ties the common refinement of both shapes; sizes that interleave, (2, 3) → (3, 2), go by way of (6,). */
function reshapeMap(b: Builder, from: Shape, to: Shape): LinearMap {
  const size = sizeOf(from);
  if (size === 0) return [movingTerm(freshAxes(to), freshAxes(from))];
  const points = [...new Set([...boundaries(from), ...boundaries(to)])].sort((x, y) => x - y);
  const sizes = points.slice(1).map((point, index) => point / at(points, index));
  if (!sizes.every(Number.isInteger))
    return composeMaps(b, reshapeMap(b, [size], to), reshapeMap(b, from, [size]));
  const labels = sizes.reverse().map(label);
  return [movingTerm(splitAxes(to, labels), splitAxes(from, labels))];
}

/** Cumulative products from the right: 1, …, size. */
function boundaries(shape: Shape): number[] {
  let product = 1;
  return [1, ...[...shape].reverse().map((size) => (product *= size))];
}

/** Deals labels, slowest first, to axes whose sizes they multiply to. */
function splitAxes(shape: Shape, labels: readonly Label[]): Axis[] {
  let next = 0;
  return shape.map((size) => {
    const own: Label[] = [];
    for (let product = 1; product < size; product *= at(own, own.length - 1).size)
      own.push(at(labels, next++));
    return { labels: own };
  });
}

/** ∂gather and ∂scatterAdd: 1 where the index equals the position on the axis. */
function selectionTerm(b: Builder, node: GatherNode | ScatterAddNode, kind: "gather" | "scatter"): Term {
  const long = kind === "gather" ? node.a.shape : node.shape;
  const size = at(long, node.axis);
  const rank = node.indices.shape.length;
  const before = freshAxes(long.slice(0, node.axis));
  const after = freshAxes(long.slice(node.axis + 1));
  const [whole, picks] = [freshAxis(size), freshAxes(node.indices.shape)];
  const mask = b.compare(
    "eq",
    b.reshape(node.indices, [...node.indices.shape, 1]),
    b.iota([...node.indices.shape, size], rank),
  );
  const [short, full] = [
    [...before, ...picks, ...after],
    [...before, whole, ...after],
  ];
  const moving = kind === "gather" ? movingTerm(short, full) : movingTerm(full, short);
  // An index of the row chooses as a branch does: entries not taken must not leak, so it is a guard, not a factor.
  if (mask.level === "row") return { ...moving, guard: labelled(b, mask, [...picks, whole]) };
  return { ...moving, factor: labelled(b, b.convert(mask, "float"), [...picks, whole]) };
}

/** ∂window and ∂unwindow: 1 where position = i·stride + k·dilation. */
function windowTerm(b: Builder, node: WindowNode | UnwindowNode, kind: "window" | "unwindow"): Term {
  const [short, long] = kind === "window" ? [node.shape, node.a.shape] : [node.a.shape, node.shape];
  const [count, size, length] = [at(short, node.axis), at(short, node.axis + 1), at(long, node.axis)];
  const shape = [count, size, length];
  const position = b.add(
    b.mul(b.iota(shape, 0), b.constant(node.stride, [], "int")),
    b.mul(b.iota(shape, 1), b.constant(node.dilation, [], "int")),
  );
  const before = freshAxes(long.slice(0, node.axis));
  const after = freshAxes(long.slice(node.axis + 1));
  const [pair, whole] = [freshAxes([count, size]), freshAxis(length)];
  const factor = labelled(b, b.convert(b.compare("eq", position, b.iota(shape, 2)), "float"), [
    ...pair,
    whole,
  ]);
  const [windows, full] = [
    [...before, ...pair, ...after],
    [...before, whole, ...after],
  ];
  return { ...(kind === "window" ? movingTerm(windows, full) : movingTerm(full, windows)), factor };
}

/** ∂(a·b)/∂a carries b: labels that neither the output nor a has are summed over b at once. */
function contractEdge(b: Builder, node: ContractNode, side: "a" | "b"): Edge {
  const axes = new Map<number, Axis>();
  const axisOf = (name: number, size: number): Axis =>
    axes.get(name) ?? (axes.set(name, freshAxis(size)).get(name) as Axis);
  const [own, other] = side === "a" ? [node.aLabels, node.bLabels] : [node.bLabels, node.aLabels];
  const [operand, factorNode] = side === "a" ? [node.a, node.b] : [node.b, node.a];
  const from = own.map((name, axis) => axisOf(name, at(operand.shape, axis)));
  const factorAxes = other.map((name, axis) => axisOf(name, at(factorNode.shape, axis)));
  const out = node.outLabels.map((name, axis) => axisOf(name, at(node.shape, axis)));
  const used = new Set([...labelsOfAxes(out), ...labelsOfAxes(from)]);
  const factor = labelled(b, factorNode, factorAxes);
  const reduced = reduceLabels(
    b,
    factor,
    factor.labels.filter((each) => !used.has(each)),
  );
  return { operand, map: [{ ...movingTerm(out, from), factor: reduced }] };
}
