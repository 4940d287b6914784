/**
 * Program values → LinearGraph: one vertex per value whose tangent matters, edges from the local derivatives.
 *
 * A call with an elementwise rule is one diagonal edge per argument; one with a jvp rule contributes the vertices of its
 * tangent program, which is linear and therefore its own derivative. Factors are made in the same builder as the primals.
 */

import { InternalError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, operandsOf, topologicalOrder } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { CallNode, Node } from "../ir/types.ts";
import { freshAxes } from "./labels.ts";
import { LinearGraph, type Vertex } from "./linear-graph.ts";
import { identityTerm } from "./linear-map.ts";
import { diagonalMap, type Edge, localEdges } from "./local.ts";

/** The graph with its ends: sources are `wrt` in order, sinks are `outputs` in order. */
export interface Linearized {
  readonly graph: LinearGraph;
  readonly sources: readonly Vertex[];
  readonly sinks: readonly Vertex[];
  /** The value whose tangent a vertex is (sinks repeat their output's). */
  readonly values: ReadonlyMap<Vertex, Node>;
}

/** Linearises `outputs` with respect to `wrt`. All scans, Jacobians and calls without rules must be expanded. */
export function linearize(b: Builder, outputs: readonly Node[], wrt: readonly Node[]): Linearized {
  const state: State = { b, graph: new LinearGraph(), vertices: new Map(), values: new Map() };
  const sources = wrt.map((node) => vertexFor(state, node));
  walk(state, outputs);
  const sinks = outputs.map((output) => {
    const sink = state.graph.add();
    state.values.set(sink, output);
    const vertex = state.vertices.get(output);
    if (vertex !== undefined) state.graph.connect(b, [vertex, sink], [identityTerm(freshAxes(output.shape))]);
    return sink;
  });
  const { graph, values } = state;
  prune(graph, sources, sinks);
  return { graph, sources, sinks, values };
}

interface State {
  readonly b: Builder;
  readonly graph: LinearGraph;
  /** Only values that depend on a source have a vertex. */
  readonly vertices: Map<Node, Vertex>;
  readonly values: Map<Vertex, Node>;
}

function vertexFor(state: State, node: Node): Vertex {
  const known = state.vertices.get(node);
  if (known !== undefined) return known;
  const vertex = state.graph.add();
  state.vertices.set(node, vertex);
  state.values.set(vertex, node);
  return vertex;
}

/** Adds vertices and edges for everything between the vertices so far and `outputs`. */
function walk(state: State, outputs: readonly Node[]): void {
  for (const node of topologicalOrder(outputs)) {
    if (state.vertices.has(node)) continue;
    const active = operandsOf(node).some((operand) => state.vertices.has(operand));
    if (!active || node.cell !== "float" || node.op === "stopGradient") continue;
    if (node.op === "call" && node.callee.rule?.kind === "jvp") walkTangent(state, node);
    else attach(state, node, node.op === "call" ? partialEdges(state.b, node) : localEdges(state.b, node));
  }
}

function attach(state: State, node: Node, edges: readonly Edge[]): void {
  const reaching = edges.filter(({ operand, map }) => state.vertices.has(operand) && map.length > 0);
  if (reaching.length === 0) return;
  const to = vertexFor(state, node);
  for (const { operand, map } of reaching)
    state.graph.connect(state.b, [state.vertices.get(operand) as Vertex, to], map);
}

function partialEdges(b: Builder, node: CallNode): Edge[] {
  const { rule, name } = node.callee;
  if (rule?.kind !== "elementwise")
    throw new InternalError("JR912", `${name} has no derivative rule and was not inlined`);
  const partials = inline(b, rule.partials(), [...node.args, node]);
  return node.args.map((operand, index) => ({
    operand,
    map: diagonalMap(b, { factor: at(partials, index) }, freshAxes(node.shape)),
  }));
}

let placeholders = 0;

/** The call's tangent program with the arguments' vertices in place of its tangent inputs. */
function walkTangent(state: State, node: CallNode): void {
  const { rule } = node.callee;
  if (rule?.kind !== "jvp") return;
  const tangents = node.args.map((arg) => state.b.input(`tangent ${placeholders++}`, arg.shape));
  const inner: State = { ...state, vertices: new Map() };
  node.args.forEach((arg, index) => {
    const vertex = state.vertices.get(arg);
    if (vertex !== undefined) inner.vertices.set(at(tangents, index), vertex);
  });
  const [result] = inline(state.b, rule.tangent(), [...node.args, node, ...tangents]);
  walk(inner, [result as Node]);
  const vertex = inner.vertices.get(result as Node);
  if (vertex !== undefined) state.vertices.set(node, vertex);
}

/** Drops vertices that do not lie between a source and a sink. */
function prune(graph: LinearGraph, sources: readonly Vertex[], sinks: readonly Vertex[]): void {
  const ends = new Set([...sources, ...sinks]);
  for (let vertex = graph.size - 1; vertex >= 0; vertex--) {
    if (!ends.has(vertex) && graph.successors(vertex).length === 0) graph.drop(vertex);
  }
}

/** The vertices an order must eliminate: all that still have edges and are no ends. */
export function intermediates({ graph, sources, sinks }: Linearized): Vertex[] {
  const ends = new Set([...sources, ...sinks]);
  return Array.from({ length: graph.size }, (_, vertex) => vertex).filter(
    (vertex) => !ends.has(vertex) && graph.successors(vertex).length > 0,
  );
}
