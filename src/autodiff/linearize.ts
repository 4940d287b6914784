/**
 * Program values → LinearGraph: one vertex per value whose tangent matters, edges from the local derivatives.
 *
 * A call with an elementwise rule is one diagonal edge per argument; one with a jvp rule contributes the vertices of its
 * tangent program, which is linear and therefore its own derivative. Factors are made in the same builder as the primals.
 */

import { InternalError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, operandsOf, topologicalOrder } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { BinaryNode, CallNode, Node, ProjectNode } from "../ir/types.ts";
import { freshAxes } from "./labels.ts";
import { LinearGraph, type Vertex } from "./linear-graph.ts";
import { identityTerm, type LinearMap } from "./linear-map.ts";
import type { Closed, LinearEnds, LinearizeOptions, OpenLoop } from "./linearized.ts";
import { diagonalMap, type Edge, localEdges } from "./local.ts";
import { activityOf } from "./loop-activity.ts";
import { closeLoops } from "./loops.ts";

/** Linearises outputs with respect to inputs. All Jacobians and calls without rules must be expanded. */
export function linearize(b: Builder, ends: LinearEnds, how: LinearizeOptions): Closed {
  const { tools, mode, wholeQuotients = false } = how;
  const state: State = {
    b,
    wholeQuotients,
    graph: new LinearGraph(),
    vertices: new Map(),
    values: new Map(),
    loops: new Map(),
  };
  const { graph, values } = state;
  const sources = sourcesOf(state, ends);
  walk(state, ends.outputs);
  const sinks = sinksOf(state, ends);
  const open = { graph, sources, sinks, values, open: [...state.loops.values()] };
  const { reports, instead } = closeLoops(b, open, { tools, mode, masked: ends.masked === true });
  prune(graph, sources, sinks);
  return { graph, sources, sinks, values, loops: reports, instead };
}

function sourcesOf(state: State, { wrt, seeds }: LinearEnds): Vertex[] {
  if (seeds === undefined) return wrt.map((node) => vertexFor(state, node));
  const source = vertexFor(state, seeds.value);
  wrt.forEach((node, index) => {
    state.graph.connect(state.b, [source, vertexFor(state, node)], at(seeds.maps, index));
  });
  return [source];
}

function sinksOf({ b, graph, vertices, values }: State, { outputs, weights }: LinearEnds): Vertex[] {
  const added = (value: Node): Vertex => {
    const sink = graph.add();
    values.set(sink, value);
    return sink;
  };
  const connect = (node: Node, sink: Vertex, map: LinearMap): void => {
    const vertex = vertices.get(node);
    if (vertex !== undefined) graph.connect(b, [vertex, sink], map);
  };
  if (weights === undefined)
    return outputs.map((output) => {
      const sink = added(output);
      connect(output, sink, [identityTerm(freshAxes(output.shape))]);
      return sink;
    });
  const sink = added(weights.value);
  outputs.forEach((output, index) => {
    connect(output, sink, at(weights.maps, index));
  });
  return [sink];
}

interface State {
  readonly b: Builder;
  readonly wholeQuotients: boolean;
  readonly graph: LinearGraph;
  /** Only values that depend on a source have a vertex. */
  readonly vertices: Map<Node, Vertex>;
  readonly values: Map<Vertex, Node>;
  readonly loops: Map<Node, OpenLoop>;
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
    if (node.op === "project") walkResult(state, node);
    if (!active || node.cell !== "float" || node.op === "stopGradient") continue;
    if (node.op === "scan") {
      const operands = operandsOf(node).map((operand) => state.vertices.get(operand));
      state.loops.set(node, { scan: node, operands, results: new Map() });
      continue;
    }
    if (node.op === "call" && node.callee.rule?.kind === "jvp") walkTangent(state, node);
    else if (isQuotient(state, node)) attachQuotient(state, node);
    else attach(state, node, node.op === "call" ? partialEdges(state.b, node) : localEdges(state.b, node));
  }
}

/** A vertex without edges yet for a loop's result, if the loop makes it depend on a source. */
function walkResult(state: State, node: ProjectNode): void {
  const loop = state.loops.get(node.a);
  if (loop === undefined || node.cell !== "float") return;
  const given = loop.operands.map((vertex) => vertex !== undefined);
  if (activityOf(loop.scan, given).outputs[node.index] === true)
    loop.results.set(node.index, vertexFor(state, node));
}

/** A quotient of numbers of which both depend on a source. */
function isQuotient({ vertices, wholeQuotients }: State, node: Node): node is BinaryNode {
  if (wholeQuotients || node.op !== "div" || sizeOf(node.shape) !== 1) return false;
  return vertices.has(node.a) && vertices.has(node.b);
}

/** y = a/c by way of a vertex between: ẏ = (ȧ − y ċ)/c needs no product y/c. */
function attachQuotient(state: State, node: BinaryNode): void {
  const { b, graph, vertices, values } = state;
  const axes = freshAxes(node.shape);
  const between = graph.add();
  values.set(between, node);
  const from = (operand: Node): Vertex => vertices.get(operand) as Vertex;
  graph.connect(b, [from(node.a), between], [identityTerm(axes)]);
  graph.connect(b, [from(node.b), between], diagonalMap(b, { factor: node, scale: -1 }, axes));
  const to = vertexFor(state, node);
  graph.connect(b, [between, to], diagonalMap(b, { factor: b.div(b.constant(1), node.b) }, axes));
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
