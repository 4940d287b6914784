/**
 * The loops that differentiate a loop: forward, one that carries tangents beside the values; in reverse, one that keeps the carries and
 * one that runs backwards over them with weights.
 *
 * Where the carries of all steps would take too much memory, only those at the starts of about √steps segments are kept, and each
 * segment is run again before it is run backwards: scratch grows with √steps.
 */

import { Builder } from "../ir/builder.ts";
import { operandsOf, programOf } from "../ir/graph.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program, ScanNode, Shape } from "../ir/types.ts";
import type { Activity } from "./loop-activity.ts";
import { forwardStep, KINDS, positionsOf, reverseStep, type StepJob } from "./loop-steps.ts";

/** Tangents or weights of a value, and where they are not zero by a branch not taken. */
export interface Channel {
  readonly value: Node;
  readonly mask?: Node | undefined;
}

/** What a differentiated loop gives. */
export interface Swept {
  /** Forward: tangents (…, seeds) of the results. Reverse: weights (seeds, …) of the operands. */
  readonly channels: readonly (Channel | undefined)[];
  /** The loop's own results, made on the way. */
  readonly results: readonly Node[];
  /** Segments whose carries are kept; 0: those of every step are, or none. */
  readonly segments: number;
  /** Carried cells kept at a time. */
  readonly keptCells: number;
}

/** Carried cells of all steps that are kept without segments. */
const MOST_KEPT = 2048;

const keep = <T>(list: readonly T[], wanted: readonly number[]): T[] =>
  wanted.map((index) => at(list, index));

function activeAt(activity: readonly boolean[], positions: readonly number[]): number[] {
  return positions.filter((position) => activity[position] === true);
}

/** A channel for each position: the given one, or zeros. */
function filled(
  b: Builder,
  channel: Channel | undefined,
  { shape, masked }: { shape: Shape; masked: boolean },
): Channel {
  const value = channel?.value ?? b.constant(0, shape);
  if (!masked) return { value };
  const present = channel === undefined ? 0 : 1;
  return { value, mask: channel?.mask ?? b.constant(present, shape, "bool") };
}

/** The values of channels. */
export const values = (list: readonly Channel[]): Node[] => list.map(({ value }) => value);
/** The masks of those channels that have one. */
export const masks = (list: readonly Channel[]): Node[] => list.flatMap(({ mask }) => mask ?? []);

/** A list of values and, behind them, their masks, as channels. */
function paired(list: readonly Node[], count: number): Channel[] {
  return range(count).map((index) => ({ value: at(list, index), mask: list[count + index] }));
}

/** Tangents (…, seeds) of the operands, those of per-step ones with the steps in front, pushed through the loop. */
export function pushThrough(b: Builder, job: StepJob, given: readonly (Channel | undefined)[]): Swept {
  const { scan, activity, seeds, masked } = job;
  const step = forwardStep(job);
  const operands = operandsOf(scan);
  const lists = KINDS.map((kind) => {
    const positions = positionsOf(scan, kind);
    const channels = activeAt(activity.inputs, positions).map((position) =>
      filled(b, given[position], { shape: [...at(operands, position).shape, seeds], masked }),
    );
    return [...keep(operands, positions), ...values(channels), ...masks(channels)];
  });
  const [carries, perStep, captured] = lists as [Node[], Node[], Node[]];
  const found = b.scan(step, scan.steps, { carries, perStep, captured });
  const own = scan.carries.length;
  const [ends, stacks] = [found.slice(0, carries.length), found.slice(carries.length)];
  const further = scan.body.outputs.length - own;
  const places = range(scan.body.outputs.length).filter((index) => activity.outputs[index]);
  const carried = places.filter((index) => index < own).length;
  const channels = [
    ...paired(ends.slice(own), carried),
    ...paired(stacks.slice(further), places.length - carried),
  ];
  return {
    channels: scan.body.outputs.map((_, index) => channels[places.indexOf(index)]),
    results: [...ends.slice(0, own), ...stacks.slice(0, further)],
    segments: 0,
    keptCells: 0,
  };
}

/** What runs backwards over some steps; the per-step lists have the steps in front. */
interface Stretch {
  readonly steps: number;
  readonly carries: readonly Node[];
  readonly perStep: readonly Node[];
  readonly captured: readonly Node[];
  /** Weights carried backwards, masks behind them, of carries, then of captured values. */
  readonly weights: readonly Node[];
  /** Weights of what each step gives, then masks. */
  readonly further: readonly Node[];
}

interface StretchResult {
  readonly weights: readonly Node[];
  /** Weights of per-step inputs and masks, stacked. */
  readonly entering: readonly Node[];
  readonly results: readonly Node[];
  readonly segments: number;
  readonly keptCells: number;
}

interface Backwards {
  readonly scan: ScanNode;
  readonly step: Program;
}

/** Weights (seeds, …) of the results, those of stacked ones with the steps behind the seeds, pulled back to the operands. */
export function pullThrough(b: Builder, job: StepJob, given: readonly (Channel | undefined)[]): Swept {
  const { scan, activity, seeds, masked } = job;
  const { body, carries, perStep, captured } = scan;
  const operands = operandsOf(scan);
  const places = KINDS.map((kind) => activeAt(activity.inputs, positionsOf(scan, kind)));
  const [ofCarries, ofSteps, ofCaptured] = places as [number[], number[], number[]];
  const ends = ofCarries.map((index) =>
    filled(b, given[index], { shape: [seeds, ...at(operands, index).shape], masked }),
  );
  const sofar = ofCaptured.map((index) =>
    filled(b, undefined, { shape: [seeds, ...at(operands, index).shape], masked }),
  );
  const stacks = furtherOf(job).map((index) => {
    const { shape } = at(body.outputs, index).value;
    const channel = filled(b, given[index], { shape: [seeds, scan.steps, ...shape], masked });
    return { value: exchanged(b, channel.value), mask: channel.mask && exchanged(b, channel.mask) };
  });
  const result = backwards(
    b,
    { scan, step: reverseStep(job) },
    {
      steps: scan.steps,
      carries,
      perStep,
      captured,
      weights: [...values(ends), ...masks(ends), ...values(sofar), ...masks(sofar)],
      further: [...values(stacks), ...masks(stacks)],
    },
  );
  const width = masked ? 2 : 1;
  const entering = paired(result.entering, ofSteps.length).map(({ value, mask }) => ({
    value: exchanged(b, value),
    mask: mask && exchanged(b, mask),
  }));
  const found = new Map<number, Channel>([
    ...zip(ofCarries, paired(result.weights.slice(0, width * ofCarries.length), ofCarries.length)),
    ...zip(ofCaptured, paired(result.weights.slice(width * ofCarries.length), ofCaptured.length)),
    ...zip(ofSteps, entering),
  ]);
  return {
    channels: operands.map((_, index) => found.get(index)),
    results: result.results,
    segments: result.segments,
    keptCells: result.keptCells,
  };
}

const zip = <T>(keys: readonly number[], list: readonly T[]): [number, T][] =>
  keys.map((key, index) => [key, at(list, index)]);

/** Results beyond the carries that have weights. */
function furtherOf({ scan, activity }: { scan: ScanNode; activity: Activity }): number[] {
  return range(scan.body.outputs.length).filter(
    (index) => index >= scan.carries.length && activity.outputs[index],
  );
}

/** The first two axes in each other's place. */
function exchanged(b: Builder, node: Node): Node {
  return b.transpose(node, [1, 0, ...range(node.shape.length).slice(2)]);
}

function reversed(b: Builder, node: Node): Node {
  const count = at(node.shape, 0);
  return b.part(node, { axis: 0, start: count - 1, count, step: -1 });
}

/** Runs the steps, keeping carries, then runs backwards over them. */
function backwards(b: Builder, job: Backwards, stretch: Stretch): StretchResult {
  const cells = cellsOf(stretch.carries);
  if (cells * stretch.steps > MOST_KEPT && stretch.steps > 3) return bySegments(b, job, stretch);
  const { steps, carries, perStep, captured, further } = stretch;
  const found = b.scan(keeping(job.scan.body, carries.length), steps, { carries, perStep, captured });
  const results = found.slice(0, job.scan.body.outputs.length);
  const kept = found.slice(results.length);
  const back = b.scan(job.step, steps, {
    carries: stretch.weights,
    perStep: [...kept, ...perStep, ...further].map((node) => reversed(b, node)),
    captured,
  });
  return {
    weights: back.slice(0, stretch.weights.length),
    entering: back.slice(stretch.weights.length).map((node) => reversed(b, node)),
    results,
    segments: 0,
    keptCells: cells * steps,
  };
}

const cellsOf = (nodes: readonly Node[]): number => nodes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Cells that a stretch of so many steps keeps. */
function keptBy(steps: number, cells: number): number {
  if (cells * steps <= MOST_KEPT || steps <= 3) return cells * steps;
  const length = Math.ceil(Math.sqrt(steps));
  return Math.floor(steps / length) * cells + keptBy(length, cells);
}

/** The body with the carries it was given as further results. */
function keeping(body: Program, carries: number): Program {
  const kept = body.inputs
    .slice(0, carries)
    .map((value, index): Output => ({ name: `kept ${index}`, value }));
  return programOf(`${body.name}, kept`, body.inputs, [...body.outputs, ...kept]);
}

/** Whole segments of about √steps steps, of which only the first carries are kept, then what is left of the steps. */
function bySegments(b: Builder, job: Backwards, stretch: Stretch): StretchResult {
  const length = Math.ceil(Math.sqrt(stretch.steps));
  const count = Math.floor(stretch.steps / length);
  const whole = count * length;
  const main = (node: Node): Node =>
    b.reshape(b.part(node, { axis: 0, start: 0, count: whole }), [count, length, ...node.shape.slice(1)]);
  const tail = (node: Node): Node => b.part(node, { axis: 0, start: whole, count: stretch.steps - whole });
  const { body } = job.scan;
  const own = stretch.carries.length;
  const perStep = stretch.perStep.map(main);
  const found = b.scan(segmentValues(job, stretch, length), count, {
    carries: stretch.carries,
    perStep,
    captured: stretch.captured,
  });
  const [ends, stacks, kept] = [
    found.slice(0, own),
    found.slice(own, body.outputs.length),
    found.slice(body.outputs.length),
  ];
  const last = backwards(b, job, {
    ...stretch,
    steps: stretch.steps - whole,
    carries: ends,
    perStep: stretch.perStep.map(tail),
    further: stretch.further.map(tail),
  });
  const back = b.scan(segmentBackwards(job, stretch, length), count, {
    carries: last.weights,
    perStep: [...kept, ...perStep, ...stretch.further.map(main)].map((node) => reversed(b, node)),
    captured: stretch.captured,
  });
  const joined = (node: Node, rest: Node): Node =>
    b.concat([b.reshape(node, [whole, ...node.shape.slice(2)]), rest], 0);
  const width = last.weights.length;
  return {
    weights: back.slice(0, width),
    entering: back.slice(width).map((node, index) => joined(reversed(b, node), at(last.entering, index))),
    results: [
      ...last.results.slice(0, own),
      ...stacks.map((node, index) => joined(node, at(last.results, own + index))),
    ],
    segments: count,
    keptCells: count * cellsOf(stretch.carries) + keptBy(length, cellsOf(stretch.carries)),
  };
}

/** Inputs like the given nodes, stacked ones with the steps of a segment only. */
function entrance(
  b: Builder,
  length: number,
  lists: readonly { nodes: readonly Node[]; stacked?: true }[],
): InputNode[][] {
  let next = 0;
  return lists.map(({ nodes, stacked }) =>
    nodes.map(({ shape, cell, level }) =>
      b.input(`i${next++}`, stacked ? [length, ...shape.slice(1)] : shape, {
        cell,
        level: level === "row" ? "row" : "bound",
      }),
    ),
  );
}

/** A segment as a step: runs its steps, and gives back the carries it was given. */
function segmentValues({ scan }: Backwards, stretch: Stretch, length: number): Program {
  const b = new Builder();
  const lists = entrance(b, length, [
    { nodes: stretch.carries },
    { nodes: stretch.perStep, stacked: true },
    { nodes: stretch.captured },
  ]);
  const [carries, steps, captured] = lists as [InputNode[], InputNode[], InputNode[]];
  const found = b.scan(scan.body, length, { carries, perStep: steps, captured });
  return program(`${scan.body.name}, segment`, { inputs: lists.flat(), values: [...found, ...carries] });
}

/** A segment backwards as a step: runs it again from its first carries, then back over it. */
function segmentBackwards(job: Backwards, stretch: Stretch, length: number): Program {
  const b = new Builder();
  const lists = entrance(b, length, [
    { nodes: stretch.weights },
    { nodes: stretch.carries },
    { nodes: stretch.perStep, stacked: true },
    { nodes: stretch.further, stacked: true },
    { nodes: stretch.captured },
  ]);
  const [weights, carries, perStep, further, captured] = lists as [Node[], Node[], Node[], Node[], Node[]];
  const back = backwards(b, job, { steps: length, carries, perStep, captured, weights, further });
  const values = [...back.weights, ...back.entering];
  return program(`${job.scan.body.name}, segment backwards`, { inputs: lists.flat(), values });
}

function program(
  name: string,
  { inputs, values: list }: { inputs: readonly InputNode[]; values: readonly Node[] },
): Program {
  return programOf(
    name,
    inputs,
    list.map((value, index) => ({ name: `${index}`, value })),
  );
}
