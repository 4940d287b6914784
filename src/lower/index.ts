/**
 * Lowering: an optimized program becomes stages of loops over lanes.
 *
 * In: no jacobian, stopGradient; calls only where a kernel exists. Out: `Lowered`, where every output's cells are
 * stored once, bound values are buffers filled at bind, and scratch is shared by lifetime.
 */

import { nodesOf } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Node, Program } from "../ir/types.ts";
import { viewed } from "./contractions.ts";
import { storedNodes } from "./decide.ts";
import { readElsewhere, stageOf } from "./emit.ts";
import { withFusedProducts } from "./fuse-products.ts";
import { Fusion, scheduled } from "./groups.ts";
import { Homes, rowMajor } from "./homes.ts";
import { Axes } from "./indices.ts";
import type { Dtype } from "./lanes.ts";
import type { Axis, Buffer, Lowered, Stage } from "./loops.ts";
import { withMergedAxes } from "./merge-axes.ts";
import { withMergedFolds } from "./merge-folds.ts";
import { boundBuffersOf, livesOf, placed } from "./placement.ts";
import { Planner } from "./planner.ts";
import { loweredRegions, type Region } from "./regions.ts";
import { scalarised } from "./scalarise.ts";
import { expandSelections } from "./selections.ts";
import type { withSlicedOutput } from "./sliced-output.ts";
import { withSlices } from "./slices.ts";
import { isFormula, straightStages } from "./straight.ts";
import { type SplitProgram, splitSums, sumStages } from "./sums.ts";
import type { Home } from "./tasks.ts";

export { type OperationCounts, operationCounts } from "./counts.ts";
export { printLowered } from "./print.ts";

/** How to lower. `fuse: false` gives every stored node loops of its own (for tests). */
export interface LowerOptions {
  readonly dtype: Dtype;
  readonly fuse?: boolean;
  /** Expand to scalars, or not; by default formulas are. */
  readonly straight?: boolean;
  /** Lets the last stage make a wide output slice by slice: for those who write slices out. */
  readonly slices?: typeof withSlicedOutput | undefined;
}

/** The stages of a program. Throws `UnsupportedError` for ops that must be expanded before. */
export function lower(program: Program, options: LowerOptions): Lowered {
  const split = splitSums(program);
  const buffers: Buffer[] = [];
  const job = { buffers, axes: new Axes(), options };
  const { rows } = split;
  const place = new Homes(undefined, buffers);
  const inputs = rows.inputs.map((input) => {
    if (input.level === "row") place.addInput(input);
    return place.readOf(input);
  });
  const outputs = rows.outputs.map(({ name, value }) =>
    rowMajor(place.tileBuffer(sizeOf(value.shape), value.cell, name), value.shape),
  );
  const stages = loweredRegions(
    { ...job, lower: (region) => lowerRegion(job, region) },
    { program: rows, inputs, outputs },
  );
  return assembled(job, split, { stages, inputs, outputs });
}

/** What regions share. */
interface Job {
  readonly buffers: Buffer[];
  readonly axes: Axes;
  readonly options: LowerOptions;
}

interface Made {
  readonly stages: readonly Stage[];
  readonly inputs: readonly Home[];
  readonly outputs: readonly Home[];
}

/** The stages of a program without scans. */
function lowerRegion({ buffers, axes, options }: Job, region: Region): Stage[] {
  const { program, original } = expandSelections(region.program);
  const homes = new Homes(original, buffers);
  program.inputs.forEach((input, index) => {
    homes.give(input, at(region.inputs, index));
  });
  const order = nodesOf(program);
  const values = program.outputs.map((output) => output.value);
  const { outputs } = region;
  if (options.straight ?? isFormula(order, values))
    return straightStages(scalarised(program, order, { homes, outputs }), homes).map(withFusedProducts);
  const planner = new Planner(storedNodes(order, new Set(values.map(viewed))), homes, axes);
  const tasks = planner.plan(program, order, outputs);
  const fusion = new Fusion(homes, axes, { fuse: options.fuse ?? true });
  for (const task of tasks) fusion.add(task);
  const groups = scheduled(fusion.groups);
  const wanted = readElsewhere(groups);
  const stages = groups.flatMap((group) => stageOf(group, homes, wanted) ?? []);
  const shared = new Set([...region.inputs, ...region.outputs].map(({ buffer }) => buffer));
  const makeAxis = (size: number): Axis => axes.make(size);
  const finished = (stage: Stage): Stage =>
    stage.kind === "repeat"
      ? { ...stage, stages: stage.stages.map(finished) }
      : withFusedProducts(withMergedAxes(stage, makeAxis));
  const merged = (options.fuse ?? true) ? withMergedFolds(stages, shared) : stages;
  return withSlices(merged, {
    isShared: (buffer) => shared.has(buffer),
    makeAxis,
    makeBuffer: (like, cells) => homes.tileBuffer(cells, like.cell, like.name),
  }).map(finished);
}

function assembled({ buffers, axes, options }: Job, split: SplitProgram, made: Made): Lowered {
  const { rows } = split;
  const inputs = rows.inputs.flatMap(({ level }, index) =>
    level === "row" ? [at(made.inputs, index).buffer] : [],
  );
  const whole = made.outputs.map(({ buffer }) => buffer);
  const sums = sumsOf(split, { inputs, outputs: whole, nextId: buffers.length });
  const makeAxis = (size: number): Axis => axes.make(size);
  const slicing = { outputs: whole, buffers, makeAxis };
  const sliced = sums.sums.length > 0 ? undefined : options.slices?.(made.stages, slicing);
  const stages = sliced?.stages ?? [...made.stages, ...sums.stages];
  const ports = whole.map((buffer) =>
    sliced?.whole === buffer ? sliced.port : { name: buffer.name, buffer },
  );
  const outputs = ports.map(({ buffer }) => buffer);
  const lives = livesOf(stages, { inputs, outputs });
  const used = new Set<Buffer>([...lives.map((life) => life.buffer), ...boundBuffersOf(stages)]);
  const { placement, scratchCells } = placed(lives);
  return {
    name: rows.name,
    dtype: options.dtype,
    inputs: inputs.map((buffer) => ({ name: buffer.name, buffer })),
    outputs: ports.slice(0, split.own),
    sums: sums.sums,
    buffers: buffers.filter((buffer) => used.has(buffer)),
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
