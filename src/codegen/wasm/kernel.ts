/**
 * A lowered program as a WebAssembly module.
 *
 * Its one export, run(scratch, rows, …inputs, …outputs, sums?), takes byte addresses: each tile copies its rows in, runs
 * every stage, and copies its results out; sums over rows are added to what lies at `sums`. Each stage is a function of
 * its own, so that V8 can replace it by
 * optimised code between tiles. Nothing is imported but the memory.
 */

import { invariant } from "../../errors.ts";
import {
  type Axis,
  type Lowered,
  type Port,
  type Product,
  rowCells,
  type Stage,
  sliceLoops,
} from "../../lower/loops.ts";
import { emitStage } from "../emit.ts";
import type { FeatureCode } from "../few-rows.ts";
import { type Layout, layoutOf } from "../layout.ts";
import type { Context, Int, Value } from "./context.ts";
import { WasmModule } from "./module.ts";
import { types } from "./opcodes.ts";
import { COPY_PARAMS, defineCopyIn, defineCopyOut, defineRowCopy } from "./rows.ts";
import { defineClear } from "./tails.ts";
import { blockingOf, VECTOR_REGISTERS, WasmTarget } from "./target.ts";

/** Options that change the code. */
export interface WasmOptions {
  /** Use relaxed multiply-add. */
  readonly fused: boolean;
  /** The memory is shared between threads. */
  readonly shared: boolean;
  /** No call has more rows; default: any number. */
  readonly mostRows?: number;
  /** The engine keeps instructions in the order of the code (see `blockingOf`). */
  readonly ordered?: boolean;
  /** Sums over rows may have their lanes along cells (see `sum-places.ts`); default: true. */
  readonly byCells?: boolean;
  /** Rows follow one another, lanes lie along features: for few rows. */
  readonly apart?: FeatureCode | undefined;
}

/** A module's bytes and how to lay out memory for it. */
export interface WasmKernel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly layout: Layout;
  /** Lanes of a vector: row areas are padded to a multiple of it. */
  readonly width: number;
  /** Constants, to be copied to `layout.end`. */
  readonly constants: Uint8Array<ArrayBuffer>;
  /** First address that is free for threads' scratch and rows; a multiple of 64. */
  readonly end: number;
  /** Bytes of scratch one thread needs. */
  readonly scratchBytes: number;
  /** Bytes of running sums over rows. */
  readonly sumBytes: number;
}

const VECTOR_BYTES = 16;

/** Writes the module of a lowered program. */
export function wasmKernel(lowered: Lowered, options: WasmOptions): WasmKernel {
  const width = lowered.dtype === "f32" ? 4 : 2;
  const blocking = blockingOf({ ordered: options.ordered ?? false });
  const mostRows = options.mostRows ?? Number.POSITIVE_INFINITY;
  const { apart } = options;
  const machine = { width, registers: VECTOR_REGISTERS };
  const oneRow = apart && {
    tileRows: 1,
    panelRows: (product: Product) => apart.panelRows(product, machine),
  };
  const layout = layoutOf(lowered, {
    width,
    mostRows,
    blocking,
    byCells: options.byCells ?? true,
    ...oneRow,
  });
  const module = new WasmModule({ dtype: lowered.dtype, fused: options.fused, poolStart: layout.end });
  const target = new WasmTarget(module, blocking);
  const emit = apart?.emit ?? emitStage;
  const copy = (port: Port, out: boolean): Context => {
    if (apart !== undefined) return defineRowCopy(module, target, { port, layout, out });
    return (out ? defineCopyOut : defineCopyIn)(module, target, { port, layout });
  };
  const copiesIn = lowered.inputs.map((port) => copy(port, false));
  const writing = { module, target, layout, emit };
  const loops = sliceLoops(lowered);
  const whole = loops.length === 0 ? lowered.stages : lowered.stages.slice(0, -1);
  const stages = whole.map((stage) => defineStage(writing, stage, []));
  const parts = loops.map(({ axis, stages: own }, depth) => {
    const steps = loops.slice(0, depth + 1).map((loop) => loop.axis);
    return { size: axis.size, calls: own.map((stage) => defineStage(writing, stage, steps)) };
  });
  const clear = lowered.sums.length === 0 ? undefined : defineClear(module, target, { lowered, layout });
  const copiesOut = lowered.outputs.map((port) => copy(port, true));
  const indices = { in: copiesIn, stages, parts, clear, out: copiesOut };
  defineRun(module, lowered, { layout, width, indices });
  return {
    bytes: module.code.encode(options),
    layout,
    width,
    constants: module.pool.contents(),
    end: Math.ceil(module.pool.end / 64) * 64,
    sumBytes: layout.sums.length * layout.bytes,
    scratchBytes: layout.scratchBytes,
  };
}

interface Writing {
  readonly module: WasmModule;
  readonly target: WasmTarget;
  readonly layout: Layout;
  readonly emit: typeof emitStage<Value, Int>;
}

/** The function of a stage: of scratch, lanes, sums, and where each of the loops around it stands. */
function defineStage(writing: Writing, stage: Stage, steps: readonly Axis[]): Context {
  const { module, target, layout, emit } = writing;
  const params = [types.i32, types.i32, types.i32, ...steps.map(() => types.i32)];
  if (stage.kind !== "repeat")
    return module.define({ params }, () =>
      emit(stage, {
        target,
        layout,
        base: parameter(0),
        laneBytes: parameter(1),
        sums: parameter(2),
        steps: new Map(steps.map((axis, index) => [axis, parameter(3 + index)])),
      }),
    );
  const inner = stage.stages.map((each) => defineStage(writing, each, [...steps, stage.axis]));
  return module.define({ params }, ({ code: body }) => {
    const step = body.local(types.i32);
    body.open("loop");
    for (const { code } of inner) {
      for (const local of [...params.keys(), step]) body.get(local);
      body.op("call", code.index);
    }
    body.get(step);
    body.i32(1);
    body.op("i32.add");
    body.tee(step);
    body.i32(stage.axis.size);
    body.op("i32.lt_s");
    body.op("br_if", 0);
    body.op("end");
  });
}

function parameter(local: number): Int {
  return { local, key: `a${local}`, offset: 0 };
}

interface Functions {
  readonly in: readonly { code: { index: number } }[];
  readonly stages: readonly { code: { index: number } }[];
  /** The loops that make an output in slices: how often they run, and what. */
  readonly parts: readonly {
    readonly size: number;
    readonly calls: readonly { code: { index: number } }[];
  }[];
  readonly clear: { code: { index: number } } | undefined;
  readonly out: readonly { code: { index: number } }[];
}

/** The loop over tiles. Locals 2 … are the ports' next rows, inputs first, then the sums. */
function defineRun(
  module: WasmModule,
  lowered: Lowered,
  plan: { layout: Layout; width: number; indices: Functions },
): void {
  const { tileRows, bytes } = plan.layout;
  const ports = [...lowered.inputs, ...lowered.outputs];
  const params = [types.i32, types.i32, ...ports.map(() => types.i32), types.i32];
  const sums = 2 + ports.length;
  invariant(COPY_PARAMS.length === 3, "copy functions take scratch, lanes and rows");
  const { code } = module.define({ params }, ({ code: body }) => {
    const laneBytes = body.local(types.i32);
    body.open("block");
    body.open("loop");
    emitLaneBytes(body, { laneBytes, tileRows, width: plan.width });
    const call = (index: number, row?: number): void => {
      body.get(0);
      body.get(laneBytes);
      if (row !== undefined) body.get(row);
      body.op("call", index);
    };
    plan.indices.in.forEach((copy, port) => call(copy.code.index, 2 + port));
    plan.indices.stages.forEach((_, index) => {
      const stage = lowered.stages[index] as Stage;
      if (stage.kind === "sum" && lowered.stages[index - 1]?.kind !== "sum")
        emitClear(body, { clear: plan.indices.clear?.code.index ?? 0, tileRows });
      call(plan.indices.stages[index]?.code.index ?? 0, sums);
    });
    const rowsOf = (output: number): number => 2 + lowered.inputs.length + output;
    lowered.outputs.forEach((port, output) => {
      const [row, copy] = [rowsOf(output), plan.indices.out[output]?.code.index ?? 0];
      if (port.slices !== undefined)
        emitSlices(body, { port, bytes, row, laneBytes, parts: plan.indices.parts, copy });
    });
    // The last loop may make other outputs too.
    plan.indices.out.forEach((copy, output) => {
      if (lowered.outputs[output]?.slices === undefined) call(copy.code.index, rowsOf(output));
    });
    ports.forEach((port, index) => advance(body, 2 + index, tileRows * rowCells(port) * bytes));
    advance(body, 1, -tileRows);
    body.op("br", 0);
    body.op("end");
    body.op("end");
  });
  module.code.export("run", code);
}

/** Makes one slice after another, and writes each to its place in the rows. */
function emitSlices(
  body: Body,
  slicing: {
    readonly port: Port;
    readonly bytes: number;
    readonly row: number;
    readonly laneBytes: number;
    readonly parts: Functions["parts"];
    readonly copy: number;
  },
): void {
  const { port, bytes, row, laneBytes, parts, copy } = slicing;
  const to = body.local(types.i32);
  body.get(row);
  body.set(to);
  const steps = parts.map(() => body.local(types.i32));
  const loop = (depth: number): void => {
    const part = parts[depth];
    if (part === undefined) {
      for (const local of [0, laneBytes, to]) body.get(local);
      body.op("call", copy);
      return advance(body, to, port.buffer.cells * bytes);
    }
    const step = steps[depth] as number;
    body.i32(0);
    body.set(step);
    body.open("loop");
    for (const { code } of part.calls) {
      for (const local of [0, laneBytes, 0, ...steps.slice(0, depth + 1)]) body.get(local);
      body.op("call", code.index);
    }
    loop(depth + 1);
    advance(body, step, 1);
    body.get(step);
    body.i32(part.size);
    body.op("i32.lt_s");
    body.op("br_if", 0);
    body.op("end");
  };
  loop(0);
}

/** Before the first sum of a tile that is not full: lanes without rows become 0. */
function emitClear(body: Body, { clear, tileRows }: { clear: number; tileRows: number }): void {
  body.get(1);
  body.i32(tileRows);
  body.op("i32.lt_s");
  body.open("if");
  body.get(0);
  body.get(1);
  body.op("call", clear);
  body.op("end");
}

type Body = Parameters<Parameters<WasmModule["define"]>[1]>[0]["code"];

/** Leaves the loop when no rows are left; else sets the bytes of lanes of the next tile. */
function emitLaneBytes(
  body: Body,
  { laneBytes, tileRows, width }: { laneBytes: number; tileRows: number; width: number },
): void {
  body.get(1);
  body.i32(0);
  body.op("i32.le_s");
  body.op("br_if", 1);
  body.get(1);
  body.i32(tileRows);
  body.get(1);
  body.i32(tileRows);
  body.op("i32.lt_s");
  body.op("select");
  body.i32(width - 1);
  body.op("i32.add");
  body.i32(width);
  body.op("i32.div_u");
  body.i32(VECTOR_BYTES);
  body.op("i32.mul");
  body.set(laneBytes);
}

function advance(body: Body, local: number, by: number): void {
  body.get(local);
  body.i32(by);
  body.op("i32.add");
  body.set(local);
}
