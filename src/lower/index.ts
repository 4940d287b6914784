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
import type { Dtype } from "./lanes.ts";
import type { Buffer, Lowered, Stage } from "./loops.ts";
import { withMergedAxes } from "./merge-axes.ts";
import { livesOf, placed } from "./placement.ts";
import { Planner } from "./planner.ts";
import { scalarised } from "./scalarise.ts";
import { isFormula, straightStages } from "./straight.ts";

export { type OperationCounts, operationCounts } from "./counts.ts";
export { printLowered } from "./print.ts";

/** How to lower. `fuse: false` gives every stored node loops of its own (for tests). */
export interface LowerOptions {
  readonly dtype: Dtype;
  readonly fuse?: boolean;
  /** Expand to scalars, or not; by default formulas are. */
  readonly straight?: boolean;
}

/** The stages of a program. Throws `UnsupportedError` for ops that must be expanded before, and sums over rows. */
export function lower(program: Program, options: LowerOptions): Lowered {
  const order = nodesOf(program);
  const values = program.outputs.map((output) => output.value);
  return (options.straight ?? isFormula(order, values))
    ? lowerToScalars(program, order, options)
    : lowerToLoops(program, order, options);
}

function lowerToScalars(program: Program, order: readonly Node[], options: LowerOptions): Lowered {
  const homes = new Homes();
  for (const input of program.inputs) homes.addInput(input);
  const { stores, outputs } = scalarised(program, order, homes);
  const stages = straightStages(stores, homes);
  return assembled(program, options, {
    stages,
    buffers: homes.buffers,
    inputs: inputBuffers(program, homes),
    outputs,
  });
}

function lowerToLoops(program: Program, order: readonly Node[], options: LowerOptions): Lowered {
  const outputs = new Set<Node>(program.outputs.map((output) => viewed(output.value)));
  const plan = new Planner(storedNodes(order, outputs)).plan(program, order);
  const fusion = new Fusion(plan.homes, plan.axes, { fuse: options.fuse ?? true });
  for (const task of plan.tasks) fusion.add(task);
  const groups = scheduled(fusion.groups);
  const wanted = readElsewhere(groups);
  const stages = groups
    .flatMap((group) => stageOf(group, plan.homes, wanted) ?? [])
    .map((stage) => withMergedAxes(stage, (size) => plan.axes.make(size)));
  return assembled(program, options, {
    stages,
    buffers: plan.homes.buffers,
    inputs: inputBuffers(program, plan.homes),
    outputs: plan.outputs,
  });
}

function inputBuffers(program: Program, homes: { of(node: Node): { buffer: Buffer } }): Buffer[] {
  return program.inputs.filter((input) => input.level === "row").map((input) => homes.of(input).buffer);
}

interface Parts {
  readonly stages: readonly Stage[];
  readonly buffers: readonly Buffer[];
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

function assembled(
  program: Program,
  { dtype }: LowerOptions,
  { buffers, inputs, outputs, ...parts }: Parts,
): Lowered {
  const stages = parts.stages.map(withFusedProducts);
  const lives = livesOf(stages, { inputs, outputs });
  const used = new Set<Buffer>(lives.map((life) => life.buffer));
  const { placement, scratchCells } = placed(lives);
  return {
    name: program.name,
    dtype,
    inputs: inputs.map((buffer) => ({ name: buffer.name, buffer })),
    outputs: outputs.map((buffer, index) => ({ name: program.outputs[index]?.name ?? buffer.name, buffer })),
    buffers: buffers.filter((buffer) => buffer.space === "bound" || used.has(buffer)),
    placement,
    scratchCells,
    stages,
  };
}
