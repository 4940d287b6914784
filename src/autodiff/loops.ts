/**
 * Loops in a linearised program: a scan is no edge of the graph but gives some, once tangents are pushed or weights pulled through it.
 *
 * In: the graph with the loops left open. Out: the same graph with maps from sources (or operands) to a loop's results, or from its
 * operands to sinks (or results). One direction is taken for all loops of a graph: the cheaper one by the counted operations of its steps.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { Node, ScanNode, Shape } from "../ir/types.ts";
import { countNodes } from "./cost.ts";
import { freshAxes } from "./labels.ts";
import type { Vertex } from "./linear-graph.ts";
import { identityTerm, type LinearMap } from "./linear-map.ts";
import type { Direction, Linearized, LoopReport, LoopTools, OpenGraph, OpenLoop } from "./linearized.ts";
import { activityOf } from "./loop-activity.ts";
import { anyMap, hasBranches, hasPoles, isSingular } from "./loop-poles.ts";
import { accumulated, aliveNode, dense, forwardStep, reverseStep, type StepJob } from "./loop-steps.ts";
import { type Channel, masks, pullThrough, pushThrough, type Swept, values } from "./loop-sweeps.ts";
import { denseNode } from "./materialize.ts";

/** Ends of a loop's seeds: vertices side by side on one axis. */
interface Seeds {
  readonly vertices: readonly Vertex[];
  readonly of: LoopReport["of"];
  readonly count: number;
}

/** Closes every loop; gives what to read in place of the loops' own results, which the new loops make too. */
export function closeLoops(
  b: Builder,
  graph: OpenGraph,
  how: { readonly tools: LoopTools; readonly mode: Direction; readonly masked: boolean },
): { readonly reports: readonly LoopReport[]; readonly instead: ReadonlyMap<Node, Node> } {
  if (graph.open.length === 0) return { reports: [], instead: new Map() };
  return new Closer(b, graph, how).close(how.mode);
}

class Closer {
  readonly #b: Builder;
  readonly #graph: OpenGraph;
  readonly #tools: LoopTools;
  readonly #masked: boolean;
  readonly #loops: readonly OpenLoop[];
  readonly #useful: ReadonlySet<Vertex>;
  readonly #instead = new Map<Node, Node>();

  constructor(b: Builder, graph: OpenGraph, { tools, masked }: { tools: LoopTools; masked: boolean }) {
    this.#b = b;
    this.#graph = graph;
    this.#tools = tools;
    this.#masked = masked;
    this.#useful = leadingTo(graph, graph.sinks);
    this.#loops = graph.open.filter(({ results }) =>
      [...results.values()].some((each) => this.#useful.has(each)),
    );
  }

  close(mode: Direction): { reports: LoopReport[]; instead: ReadonlyMap<Node, Node> } {
    const directions = mode === "auto" ? (["forward", "reverse"] as const) : [mode];
    const costs = directions.map((direction) =>
      directions.length === 1 ? 0 : this.#loops.reduce((sum, loop) => sum + this.#cost(loop, direction), 0),
    );
    const direction = at(directions, costs.indexOf(Math.min(...costs)));
    const order = direction === "forward" ? this.#loops : [...this.#loops].reverse();
    const isLocal = (loop: OpenLoop): boolean => !isEnd(this.#seeds(loop, direction).of);
    const done = new Map<OpenLoop, LoopReport>();
    for (const loop of [...order.filter(isLocal), ...order.filter((each) => !isLocal(each))])
      done.set(loop, this.#sweep(loop, direction));
    const reports = this.#loops.map((loop) => done.get(loop) as LoopReport);
    return { reports, instead: this.#instead };
  }

  /** What the loop's seeds belong to: the ends of the graph, or the loop's own where those are smaller. */
  #seeds(loop: OpenLoop, direction: "forward" | "reverse"): Seeds {
    const own =
      direction === "forward"
        ? [...new Set(operandsOf(loop))]
        : this.#resultsOf(loop).map(({ vertex }) => vertex);
    const ends = direction === "forward" ? this.#graph.sources : this.#graph.sinks;
    const [few, many] = [this.#cells(own), this.#cells(ends)];
    if (few < many)
      return { vertices: own, of: direction === "forward" ? "operands" : "results", count: few };
    return { vertices: ends, of: direction === "forward" ? "inputs" : "outputs", count: many };
  }

  #cells(vertices: readonly Vertex[]): number {
    return vertices.reduce((sum, vertex) => sum + sizeOf(this.#shape(vertex)), 0);
  }

  #shape(vertex: Vertex): Shape {
    return this.#graph.values.get(vertex)?.shape ?? [];
  }

  #resultsOf({ results }: OpenLoop): Numbered[] {
    return [...results]
      .filter(([, vertex]) => this.#useful.has(vertex))
      .map(([index, vertex]) => ({ index, vertex }))
      .sort((x, y) => x.index - y.index);
  }

  /** Operations per row of all steps. */
  #cost(loop: OpenLoop, direction: "forward" | "reverse"): number {
    const { scan } = loop;
    const job = this.#job(loop, { seeds: this.#seeds(loop, direction).count, masked: false, wild: false });
    const step = direction === "forward" ? forwardStep(job) : reverseStep(job);
    const of = (program: ScanNode["body"]): number =>
      countNodes(program.outputs.map(({ value }) => value)).cost;
    return scan.steps * (of(step) + (direction === "reverse" ? of(scan.body) : 0));
  }

  #job({ scan, operands }: OpenLoop, options: Pick<StepJob, "seeds" | "masked" | "wild">): StepJob {
    const activity = activityOf(
      scan,
      operands.map((vertex) => vertex !== undefined),
    );
    return { scan, activity, ...options, tools: this.#tools };
  }

  /** Pushes tangents of the seeds through the loop, or pulls weights of them. */
  #sweep(loop: OpenLoop, mode: LoopReport["mode"]): LoopReport {
    const { scan } = loop;
    const isForward = mode === "forward";
    const side = isForward ? "in" : "out";
    const seeds = this.#seeds(loop, mode);
    const [operands, results] = [activeOperands(loop), this.#resultsOf(loop)];
    const [entering, leaving] = isForward ? [operands, results] : [results, operands];
    const vertices = entering.map(({ vertex }) => vertex);
    const found = isEnd(seeds.of)
      ? isForward
        ? this.#between(seeds.vertices, vertices)
        : this.#between(vertices, seeds.vertices, "sources")
      : this.#identity(vertices, seeds.vertices);
    const poles =
      this.#graph.open.some((each) => isSingular(each.scan)) || anyMap(this.#graph.graph, hasPoles);
    const wild = isSingular(scan) || found.some(({ blocks }) => blocks.some(hasPoles));
    const masked = this.#masked || (poles && (found.some(({ guarded }) => guarded) || hasBranches(scan)));
    const given: Channel[] = [];
    entering.forEach(({ index, vertex }, position) => {
      given[index] = this.#joined(at(found, position).blocks, {
        own: this.#shape(vertex),
        others: seeds.vertices,
        side,
        masked,
      });
    });
    const through = isForward ? pushThrough : pullThrough;
    const swept = through(this.#b, this.#job(loop, { seeds: seeds.count, masked, wild }), given);
    for (const { index, vertex } of leaving) this.#connect(swept.channels[index], { seeds, vertex, side });
    return this.#report(loop, { mode, seeds, swept });
  }

  #report(
    { scan }: OpenLoop,
    { mode, seeds, swept }: { mode: LoopReport["mode"]; seeds: Seeds; swept: Swept },
  ): LoopReport {
    swept.results.forEach((node, index) => {
      this.#instead.set(this.#b.project(scan, index, node), node);
    });
    const name = `scan${scan.origin === undefined ? "" : ` at ${scan.origin.name}`}`;
    return {
      name,
      steps: scan.steps,
      mode,
      seeds: seeds.count,
      of: seeds.of,
      segments: swept.segments,
      keptCells: swept.keptCells,
    };
  }

  /** Accumulated maps from every source to every target, for each of one side (`of`) those of the other. */
  #between(
    from: readonly Vertex[],
    to: readonly Vertex[],
    of: "targets" | "sources" = "targets",
  ): { blocks: LinearMap[]; guarded: boolean }[] {
    const part = cutOut(this.#b, this.#graph, { from, to });
    const pairs = of === "targets" ? to : from;
    const others = of === "targets" ? from : to;
    const { found } = accumulated(this.#b, part, (map) =>
      range(pairs.length).flatMap((index) =>
        range(others.length).map((other) => {
          const [source, sink] = of === "targets" ? [other, index] : [index, other];
          const [own, far] = [this.#shape(at(pairs, index)), this.#shape(at(others, other))];
          const shapes: readonly [Shape, Shape] = of === "targets" ? [own, far] : [far, own];
          return [map(at(part.sources, source), at(part.sinks, sink)), shapes] as const;
        }),
      ),
    );
    return pairs.map((_, index) => {
      const start = index * others.length;
      const blocks = found.slice(start, start + others.length).map(([map]) => map);
      return { blocks, guarded: blocks.flat().some(isGuarded) };
    });
  }

  /** The identity of values side by side; guarded if anything is. */
  #identity(
    owners: readonly Vertex[],
    vertices: readonly Vertex[],
  ): { blocks: LinearMap[]; guarded: boolean }[] {
    const guarded = anyMap(this.#graph.graph, (map) => map.some(isGuarded));
    return owners.map((own) => ({
      blocks: vertices.map((other) => (own === other ? [identityTerm(freshAxes(this.#shape(own)))] : [])),
      guarded,
    }));
  }

  /** Blocks side by side on the seeds' axis, as numbers. */
  #joined(
    blocks: readonly LinearMap[],
    {
      own,
      others,
      side,
      masked,
    }: { own: Shape; others: readonly Vertex[]; side: "in" | "out"; masked: boolean },
  ): Channel {
    const b = this.#b;
    const axis = side === "in" ? own.length : 0;
    const parts = blocks.map((block, index) => {
      const far = this.#shape(at(others, index));
      const shapes: readonly [Shape, Shape] = side === "in" ? [own, far] : [far, own];
      const shape = side === "in" ? [...own, sizeOf(far)] : [sizeOf(far), ...own];
      const value = b.reshape(denseNode(b, block, shapes), shape);
      return { value, mask: masked ? b.reshape(aliveNode(b, block, shapes), shape) : undefined };
    });
    const value = b.concat(values(parts), axis);
    return masked ? { value, mask: b.concat(masks(parts), axis) } : { value };
  }

  /** Edges between a vertex and the seeds' vertices. */
  #connect(
    channel: Channel | undefined,
    { seeds, vertex, side }: { seeds: Seeds; vertex: Vertex; side: "in" | "out" },
  ): void {
    if (channel === undefined) return;
    const b = this.#b;
    const own = this.#shape(vertex);
    const axis = side === "in" ? own.length : 0;
    let start = 0;
    for (const other of seeds.vertices) {
      const far = this.#shape(other);
      const count = sizeOf(far);
      const shape = side === "in" ? [...own, ...far] : [...far, ...own];
      const from = start;
      const cut = (node: Node): Node => b.reshape(b.part(node, { axis, start: from, count }), shape);
      const block = { value: cut(channel.value), mask: channel.mask && cut(channel.mask) };
      const axes =
        side === "in"
          ? { out: freshAxes(own), in: freshAxes(far) }
          : { out: freshAxes(far), in: freshAxes(own) };
      const ends: readonly [Vertex, Vertex] = side === "in" ? [other, vertex] : [vertex, other];
      this.#graph.graph.connect(b, ends, dense(b, axes, block));
      start += count;
    }
  }
}

const isEnd = (of: LoopReport["of"]): boolean => of === "inputs" || of === "outputs";
const operandsOf = ({ operands }: OpenLoop): Vertex[] => operands.filter((vertex) => vertex !== undefined);

/** A vertex, and its number among a loop's operands or results. */
interface Numbered {
  readonly index: number;
  readonly vertex: Vertex;
}

const activeOperands = ({ operands }: OpenLoop): Numbered[] =>
  operands.flatMap((vertex, index) => (vertex === undefined ? [] : [{ index, vertex }]));
const isGuarded = (term: LinearMap[number]): boolean => term.guard !== undefined || term.memory !== undefined;

/** Vertices from which some of the ends can be reached, through loops too. */
function leadingTo({ graph, open }: OpenGraph, ends: readonly Vertex[]): Set<Vertex> {
  const loopOf = new Map(
    open.flatMap((loop) => [...loop.results.values()].map((vertex) => [vertex, loop] as const)),
  );
  return closure(ends, (vertex) => {
    const loop = loopOf.get(vertex);
    return [...graph.predecessors(vertex), ...(loop === undefined ? [] : operandsOf(loop))];
  });
}

/** The part of a graph between some vertices, each target with an end of its own. */
function cutOut(
  b: Builder,
  whole: Linearized,
  { from, to }: { from: readonly Vertex[]; to: readonly Vertex[] },
): Linearized {
  const graph = whole.graph.copy();
  const shapes = new Map(whole.values);
  const sinks = to.map((vertex) => {
    const sink = graph.add();
    const value = whole.values.get(vertex) as Node;
    shapes.set(sink, value);
    graph.connect(b, [vertex, sink], [identityTerm(freshAxes(value.shape))]);
    return sink;
  });
  const reached = closure(from, (vertex) => graph.successors(vertex));
  const wanted = closure(sinks, (vertex) => graph.predecessors(vertex));
  const ends = new Set([...from, ...sinks]);
  const before = new Set<Vertex>();
  for (const vertex of range(graph.size))
    if (!ends.has(vertex) && !(reached.has(vertex) && wanted.has(vertex))) before.add(vertex);
  for (const vertex of before) graph.drop(vertex);
  return { graph, sources: from, sinks, values: shapes };
}

function closure(start: readonly Vertex[], next: (vertex: Vertex) => readonly Vertex[]): Set<Vertex> {
  const found = new Set<Vertex>();
  const waiting = [...start];
  for (let vertex = waiting.pop(); vertex !== undefined; vertex = waiting.pop()) {
    if (found.has(vertex)) continue;
    found.add(vertex);
    waiting.push(...next(vertex));
  }
  return found;
}
