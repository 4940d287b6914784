/**
 * Lowering: an optimized program becomes stages of loops over lanes.
 *
 * In: no jacobian, stopGradient, scan; calls only where a kernel exists. Out: `Lowered`, where every output's cells are
 * stored once, bound values are buffers filled at bind, and scratch is shared by lifetime.
 */

import { nodesOf } from "../ir/graph.ts";
import type { Node, Program } from "../ir/types.ts";
import { viewed } from "./contractions.ts";
import { storedNodes } from "./decide.ts";
import { readElsewhere, stageOf } from "./emit.ts";
import { withFusedProducts } from "./fuse-products.ts";
import { Fusion, scheduled } from "./groups.ts";
import { Homes } from "./homes.ts";
import { Axes } from "./indices.ts";
import type { Dtype } from "./lanes.ts";
import type { Buffer, Lowered, Stage } from "./loops.ts";
import { withMergedAxes } from "./merge-axes.ts";
import { livesOf, placed } from "./placement.ts";
import { Planner } from "./planner.ts";
import { scalarised } from "./scalarise.ts";
import { expandSelections } from "./selections.ts";
import { isFormula, straightStages } from "./straight.ts";
import { type SplitProgram, splitSums, sumStages } from "./sums.ts";

export { type OperationCounts, operationCounts } from "./counts.ts";
export { printLowered } from "./print.ts";

/** How to lower. `fuse: false` gives every stored node loops of its own (for tests). */
export interface LowerOptions {
  readonly dtype: Dtype;
  readonly fuse?: boolean;
  /** Expand to scalars, or not; by default formulas are. */
  readonly straight?: boolean;
}

/** The stages of a program. Throws `UnsupportedError` for ops that must be expanded before. */
export function lower(program: Program, options: LowerOptions): Lowered {
  const split = splitSums(program);
  const expanded = expandSelections(split.rows);
  const order = nodesOf(expanded.program);
  const values = expanded.program.outputs.map((output) => output.value);
  const homes = new Homes(expanded.original);
  const job: Job = { program: expanded.program, order, homes, options, split };
  for (const input of job.program.inputs) job.homes.addInput(input);
  return assembled(job, (options.straight ?? isFormula(order, values)) ? scalarStages(job) : loopStages(job));
}

/** A program on its way to stages. */
interface Job {
  readonly program: Program;
  readonly order: readonly Node[];
  readonly homes: Homes;
  readonly options: LowerOptions;
  readonly split: SplitProgram;
}

interface Made {
  readonly stages: readonly Stage[];
  readonly outputs: readonly Buffer[];
}

function scalarStages({ program, order, homes }: Job): Made {
  const { stores, outputs } = scalarised(program, order, homes);
  return { stages: straightStages(stores, homes), outputs };
}

function loopStages({ program, order, homes, options }: Job): Made {
  const values = new Set<Node>(program.outputs.map((output) => viewed(output.value)));
  const { tasks, axes, outputs } = new Planner(storedNodes(order, values), homes).plan(program, order);
  const fusion = new Fusion(homes, axes, { fuse: options.fuse ?? true });
  for (const task of tasks) fusion.add(task);
  const groups = scheduled(fusion.groups);
  const wanted = readElsewhere(groups);
  const stages = groups.flatMap((group) => stageOf(group, homes, wanted) ?? []);
  return { stages: stages.map((stage) => withMergedAxes(stage, (size) => axes.make(size))), outputs };
}

function assembled({ program, homes, options, split }: Job, made: Made): Lowered {
  const rows = program.inputs.filter((input) => input.level === "row").map((input) => homes.of(input).buffer);
  const sums = sumsOf(split, { inputs: rows, outputs: made.outputs, nextId: homes.buffers.length });
  const stages = [...made.stages.map(withFusedProducts), ...sums.stages];
  const lives = livesOf(stages, { inputs: rows, outputs: made.outputs });
  const used = new Set<Buffer>(lives.map((life) => life.buffer));
  const { placement, scratchCells } = placed(lives);
  return {
    name: program.name,
    dtype: options.dtype,
    inputs: rows.map((buffer) => ({ name: buffer.name, buffer })),
    outputs: made.outputs.slice(0, split.own).map((buffer) => ({ name: buffer.name, buffer })),
    sums: sums.sums,
    buffers: homes.buffers.filter((buffer) => buffer.space === "bound" || used.has(buffer)),
    placement: new Map([...placement, ...sums.places]),
    scratchCells,
    stages,
  };
}

/** The stages that add up what the rows' program puts out. */
function sumsOf(
  { rows, sums }: SplitProgram,
  made: { inputs: readonly Buffer[]; outputs: readonly Buffer[]; nextId: number },
): ReturnType<typeof sumStages> {
  const buffers = new Map<Node, Buffer>();
  const inputs = rows.inputs.filter((input) => input.level === "row");
  inputs.forEach((input, index) => buffers.set(input, made.inputs[index] as Buffer));
  rows.outputs.forEach(({ value }, index) => buffers.set(value, made.outputs[index] as Buffer));
  const axes = new Axes();
  return sumStages(sums, {
    bufferOf: (node) => buffers.get(node) as Buffer,
    makeAxis: (size) => axes.make(size),
    nextId: made.nextId,
  });
}
