/**
 * One step of a differentiated loop, as a program: forward, tangents of what enters become tangents of what leaves; in reverse,
 * weights of what leaves become weights of what enters. Both compute with the body's own values of that step.
 *
 * How local Jacobians and the given numbers are multiplied is planned for each body by itself: propagated through it, or the body's
 * Jacobian is formed first. The cheaper way by counted operations is taken.
 */

import { Builder } from "../ir/builder.ts";
import { inline, nodesOf, operandsOf, programOf, topologicalOrder } from "../ir/graph.ts";
import { at, range } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program, ScanNode, Shape } from "../ir/types.ts";
import { scalarise } from "../optimize/scalarise.ts";
import { countNodes } from "./cost.ts";
import { markInfinite, maybeInfinite } from "./finite.ts";
import { readInstead } from "./instead.ts";
import { freshAxes, freshAxis, labelled } from "./labels.ts";
import type { Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import type { Closed, Linearized, LoopTools } from "./linearized.ts";
import type { Activity } from "./loop-activity.ts";
import { denseNode } from "./materialize.ts";
import { planned } from "./plan.ts";

/** What a step is made for. */
export interface StepJob {
  readonly scan: ScanNode;
  readonly activity: Activity;
  /** Tangents or weights carried side by side. */
  readonly seeds: number;
  /** Carry beside every number whether it is zero because of a branch not taken. */
  readonly masked: boolean;
  /** May what is carried be infinite? */
  readonly wild: boolean;
  readonly tools: LoopTools;
}

const steps = new WeakMap<ScanNode, Map<string, Program>>();

/** Steps are made to be counted, then used: once. */
function remembered(direction: string, job: StepJob, make: (job: StepJob) => Program): Program {
  const { scan, activity, seeds, masked, wild } = job;
  const known = steps.get(scan) ?? new Map<string, Program>();
  steps.set(scan, known);
  const key = [direction, seeds, masked, wild, ...activity.inputs].join();
  const step = known.get(key) ?? make(job);
  known.set(key, step);
  return step;
}

/** The three kinds of a loop's operands. */
export const KINDS = ["carries", "perStep", "captured"] as const;
/** One of them. */
export type Kind = (typeof KINDS)[number];

/** Positions of a kind's inputs in the body. */
export function positionsOf({ carries, perStep, captured }: ScanNode, kind: Kind): number[] {
  const counts = [carries.length, perStep.length, captured.length];
  const index = KINDS.indexOf(kind);
  const start = counts.slice(0, index).reduce((sum, count) => sum + count, 0);
  return range(at(counts, index)).map((position) => start + position);
}

/** The inputs of a step under construction, in order. */
class Entrance {
  readonly b: Builder = new Builder();
  readonly inputs: InputNode[] = [];

  input(shape: Shape, like: Pick<InputNode, "cell" | "level">): InputNode {
    const level = like.level === "row" ? "row" : "bound";
    const input = this.b.input(`i${this.inputs.length}`, shape, { cell: like.cell, level });
    this.inputs.push(input);
    return input;
  }

  /** An input of a row for each of the shapes. */
  extra(shapes: readonly Shape[], cell: "float" | "bool" = "float"): InputNode[] {
    return shapes.map((shape) => this.input(shape, { cell, level: "row" }));
  }

  program(name: string, values: readonly Node[], instead: ReadonlyMap<Node, Node>): Program {
    return programOf(
      name,
      this.inputs,
      readInstead(this.b, values, instead).map((value, index): Output => ({ name: `${index}`, value })),
    );
  }
}

/** Numbers, and where they are not zero by a branch. */
interface Channels {
  readonly values: readonly Node[];
  readonly masks: readonly Node[];
}

/** Channels as they leave the step, and what they make besides. */
interface Way extends Channels {
  readonly instead: ReadonlyMap<Node, Node>;
}

/** The body's inputs as a step reads them: shared captured values stay shared. */
function primal(entrance: Entrance, { scan, wild }: StepJob, positions: readonly number[]): InputNode[] {
  const { body, captured, carries } = scan;
  const operands = operandsOf(scan);
  return positions.map((position) => {
    const { shape, cell } = at(body.inputs, position);
    const fixed = position - (body.inputs.length - captured.length);
    const made = entrance.input(shape, { cell, level: fixed < 0 ? "row" : at(captured, fixed).level });
    if (position < carries.length ? wild : maybeInfinite(at(operands, position))) markInfinite([made]);
    return made;
  });
}

/**
 * Inputs: for carries, per-step and captured values each the body's own, then tangents (…shape, seeds) of the active ones, then their masks.
 * Outputs: next carries, their tangents, masks; then the body's other results, tangents, masks.
 */
export function forwardStep(job: StepJob): Program {
  return remembered("forward", job, makeForwardStep);
}

function makeForwardStep(job: StepJob): Program {
  const { scan, activity, seeds, masked, wild } = job;
  const entrance = new Entrance();
  const { b } = entrance;
  const own: InputNode[] = [];
  const tangents: InputNode[] = [];
  const masks: InputNode[] = [];
  for (const kind of KINDS) {
    const positions = positionsOf(scan, kind);
    own.push(...primal(entrance, job, positions));
    const shapes = positions
      .filter((each) => activity.inputs[each])
      .map((each) => [...at(own, each).shape, seeds]);
    tangents.push(...entrance.extra(shapes));
    if (masked) masks.push(...entrance.extra(shapes, "bool"));
  }
  if (wild) markInfinite(tangents);
  const values = inline(b, scan.body, own);
  const wanted = values.filter((_, index) => activity.outputs[index]);
  const wrt = own.filter((_, index) => activity.inputs[index]);
  const results = swept({ b, job, values, wanted, wrt }, { values: tangents, masks }, true);
  const carries = scan.carries.length;
  const carried = activity.outputs.slice(0, carries).filter(Boolean).length;
  return entrance.program(
    `${scan.body.name}, forward`,
    [
      ...values.slice(0, carries),
      ...results.values.slice(0, carried),
      ...results.masks.slice(0, carried),
      ...values.slice(carries),
      ...results.values.slice(carried),
      ...results.masks.slice(carried),
    ],
    results.instead,
  );
}

interface Place {
  readonly b: Builder;
  readonly job: StepJob;
  readonly values: readonly Node[];
  readonly wanted: readonly Node[];
  readonly wrt: readonly InputNode[];
}

/** What stands for all seeds: a node that is no value of the body. */
const placeholder = (b: Builder, seeds: number): Node => b.input("seeds", [seeds]);

/** Forward: tangents of the wanted values, given those of `wrt`. In reverse: weights of `wrt`, given those of the wanted values. */
function swept(place: Place, given: Channels, isForward: boolean): Way {
  const { b, job, wanted, wrt } = place;
  const { seeds, masked, tools } = job;
  const [entering, leaving] = isForward ? [wrt, wanted] : [wanted, wrt];
  const maps = entering.map((node, index): LinearMap => {
    const axes = isForward
      ? { out: freshAxes(node.shape), in: [freshAxis(seeds)] }
      : { out: [freshAxis(seeds)], in: freshAxes(node.shape) };
    return dense(b, axes, { value: at(given.values, index), mask: given.masks[index] });
  });
  const end = { value: placeholder(b, seeds), maps };
  const ends = { wrt, outputs: wanted, masked, ...(isForward ? { seeds: end } : { weights: end }) };
  const linear = tools.linearize(b, ends);
  const through = tabulated(b, linear, (map) =>
    leaving.map((node, index) => {
      const [source, sink] = isForward ? [0, index] : [index, 0];
      const shapes = isForward ? ([node.shape, [seeds]] as const) : ([[seeds], node.shape] as const);
      return [map(at(linear.sources, source), at(linear.sinks, sink)), shapes] as const;
    }),
  );
  if (masked || hasLoops(job.scan.body)) return through(masked);
  const local = tools.jacobian(b, wanted, wrt);
  const formed = leaving.map((target, number) => {
    const products = entering.map((_, index) => {
      const [output, input] = isForward ? [number, index] : [index, number];
      const jacobian = at(local.nodes, output * wrt.length + input);
      const ranks = { out: at(wanted, output).shape.length, in: at(wrt, input).shape.length };
      return product(b, { jacobian, numbers: at(given.values, index), ranks }, isForward);
    });
    const shape = isForward ? [...target.shape, seeds] : [seeds, ...target.shape];
    return products.length === 0 ? b.constant(0, shape) : products.reduce((x, y) => b.add(x, y));
  });
  return cheaper(place, [through(false), { values: formed, masks: [], instead: local.instead }]);
}

/** A value's Jacobian by an input, how many axes of it are of which, and numbers beside it. */
interface Local {
  readonly jacobian: Node;
  readonly ranks: { readonly out: number; readonly in: number };
  readonly numbers: Node;
}

/** (…out, …in) times (…in, seeds), or (seeds, …out) times (…out, …in). */
function product(b: Builder, { jacobian, numbers, ranks }: Local, isForward: boolean): Node {
  const all = range(ranks.out + ranks.in);
  const [out, inner, seed] = [all.slice(0, ranks.out), all.slice(ranks.out), all.length];
  return isForward
    ? b.contract(jacobian, numbers, { a: all, b: [...inner, seed], out: [...out, seed] })
    : b.contract(numbers, jacobian, { a: [seed, ...out], b: all, out: [seed, ...inner] });
}

/**
 * Inputs: weights (seeds, …) of the next active carries, masks, weights of active captured values so far, masks; then carries and
 * per-step inputs, weights of the active further results, masks; then captured values. Outputs: weights of the carries, masks, of captured
 * values, masks; then of the per-step inputs, masks.
 */
export function reverseStep(job: StepJob): Program {
  return remembered("reverse", job, makeReverseStep);
}

function makeReverseStep(job: StepJob): Program {
  const { scan, activity, seeds, masked, wild } = job;
  const { body, carries } = scan;
  const entrance = new Entrance();
  const { b } = entrance;
  const isActive = (position: number): boolean => activity.inputs[position] === true;
  const active = (kind: Kind): number[] => positionsOf(scan, kind).filter(isActive);
  const inputShapes = (kind: Kind): Shape[] =>
    active(kind).map((position) => [seeds, ...at(body.inputs, position).shape]);
  const channels = (shapes: readonly Shape[]): Channels => ({
    values: entrance.extra(shapes),
    masks: masked ? entrance.extra(shapes, "bool") : [],
  });
  const next = channels(inputShapes("carries"));
  const sofar = channels(inputShapes("captured"));
  const own = primal(entrance, job, [...positionsOf(scan, "carries"), ...positionsOf(scan, "perStep")]);
  const stacked = range(body.outputs.length).filter(
    (index) => index >= carries.length && activity.outputs[index],
  );
  const further = channels(stacked.map((index) => [seeds, ...at(body.outputs, index).value.shape]));
  own.push(...primal(entrance, job, positionsOf(scan, "captured")));
  if (wild) markInfinite([...next.values, ...further.values]);
  const values = inline(b, body, own);
  const carried = active("carries");
  const wanted = [...carried, ...stacked].map((index) => at(values, index));
  const order = [...carried, ...active("captured"), ...active("perStep")];
  const given = { values: [...next.values, ...further.values], masks: [...next.masks, ...further.masks] };
  const wrt = order.map((position) => at(own, position));
  const results = swept({ b, job, values, wanted, wrt }, given, false);
  const [first, second] = [carried.length, carried.length + sofar.values.length];
  return entrance.program(
    `${body.name}, reverse`,
    [
      ...results.values.slice(0, first),
      ...results.masks.slice(0, first),
      ...results.values.slice(first, second).map((node, index) => b.add(at(sofar.values, index), node)),
      ...results.masks.slice(first, second).map((node, index) => b.logic("or", at(sofar.masks, index), node)),
      ...results.values.slice(second),
      ...results.masks.slice(second),
    ],
    results.instead,
  );
}

/** Numbers with labels of their own axes as a map. */
export function dense(
  b: Builder,
  axes: { readonly out: ReturnType<typeof freshAxes>; readonly in: ReturnType<typeof freshAxes> },
  { value, mask }: { readonly value: Node; readonly mask?: Node | undefined },
): LinearMap {
  const both = [...axes.out, ...axes.in];
  const memory = mask === undefined ? {} : { memory: labelled(b, mask, both) };
  return [{ ...axes, scale: 1, factor: labelled(b, value, both), ...memory }];
}

/** Loops inside choose by themselves between pushing what is given and forming their Jacobian. */
const hasLoops = (body: Program): boolean => nodesOf(body).some(({ op }) => op === "scan");

type Found = readonly (readonly [LinearMap, readonly [Shape, Shape]])[];

type Find = (map: (source: Vertex, sink: Vertex) => LinearMap) => Found;

/** The planned maps of a linearised program, and them as arrays. */
export function accumulated(
  b: Builder,
  linear: Linearized,
  find: Find,
): { nodes: readonly Node[]; found: Found } {
  const { nodes, map } = planned(b, linear, {
    mode: "auto",
    effort: "quick",
    finish: (each) => find(each).map(([own, shapes]) => denseNode(b, own, shapes)),
  });
  return { nodes, found: find(map) };
}

function tabulated(b: Builder, linear: Closed, find: Find): (masked: boolean) => Way {
  const { nodes, found } = accumulated(b, linear, find);
  const masks = (): Node[] => found.map(([each, shapes]) => aliveNode(b, each, shapes));
  return (masked) => ({ values: nodes, masks: masked ? masks() : [], instead: linear.instead });
}

/** Where a map is not zero by structure or by a branch. */
export function aliveNode(b: Builder, map: LinearMap, shapes: readonly [Shape, Shape]): Node {
  const bare = map.map(({ out, in: from, guard, memory }) => {
    const parts = [guard, memory].flatMap((part) => (part === undefined ? [] : [part]));
    const factor = parts.map((part) => ({ node: b.convert(part.node, "float"), labels: part.labels }));
    const [first, second] = factor;
    if (first === undefined || second === undefined)
      return { out, in: from, scale: 1, ...(first && { factor: first }) };
    return { out, in: from, scale: 1, factor: first, guard: at(parts, 1) };
  });
  const count = denseNode(b, bare, shapes);
  return b.not(b.compare("eq", count, b.constant(0)));
}

/** The cheaper of two ways to compute the same beside the step's values; formulas are counted as scalars. */
function cheaper({ b, values }: Place, ways: readonly Way[]): Way {
  const costs = ways.map((way) => {
    const all = readInstead(b, [...values, ...way.values], way.instead);
    const outputs = all.map((value, index): Output => ({ name: `${index}`, value }));
    const inputs = topologicalOrder(outputs.map(({ value }) => value)).filter((node) => node.op === "input");
    const program = programOf("way", inputs, outputs);
    const scalar = scalarise(program) ?? program;
    return countNodes(scalar.outputs.map(({ value }) => value)).cost;
  });
  return at(ways, costs.indexOf(Math.min(...costs)));
}
