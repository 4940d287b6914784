/**
 * The stages of a lowered program as C functions, one each, and how their memory is laid out.
 *
 * In: the program and the machine's vectors. Out: functions stage0, stage1, … and convert_in, convert_out of (s, m, n): the
 * thread's scratch, the bound memory, and how many bytes of lanes to fill.
 */

import { loadsOf } from "../../lower/accesses.ts";
import { type Buffer, type Lowered, leavesOf, type Port, sliceLoops } from "../../lower/loops.ts";
import { emitStage } from "../emit.ts";
import type { FeatureCode } from "../few-rows.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { CFile, type Signature } from "./file.ts";
import type { LanesOptions } from "./lanes.ts";
import { machineOf } from "./machine.ts";
import { CTarget } from "./target.ts";
import { tileRowsFor } from "./tiles.ts";
import type { VectorShape } from "./vectors.ts";
import type { Int } from "./writer.ts";

/** Options that change the code. */
export interface COptions {
  readonly vectorBytes: 16 | 32 | 64;
  /** Vector registers of the machine; default: as many as every machine of that width has. */
  readonly registers?: 16 | 32 | undefined;
  /** Multiply-adds round once. */
  readonly fused: boolean;
  /** Multiply-adds read a cell of memory for all lanes. */
  readonly embeds?: boolean | undefined;
  /** Functions by tables of 16 floats, where one instruction looks them up: their roundings are others. */
  readonly tables?: LanesOptions["tables"];
  readonly byTurns?: LanesOptions["byTurns"];
  /** Bytes that a tile's buffers should stay within; default: half of a common second-level cache. */
  readonly tileBytes?: number;
  /** Sums over rows may have their lanes along cells (see `sum-places.ts`). */
  readonly byCells?: boolean;
  /** Rows follow one another, lanes lie along features: for few rows. */
  readonly apart?: FeatureCode | undefined;
  /** Where to write the functions, and what their names start with; default: a file of their own. Raw outputs stay ints and masks. */
  readonly into?: { readonly file: CFile; readonly prefix: string; readonly rawOutputs?: true };
}

/** Functions and the memory they work on. */
export interface CBody {
  readonly text: string;
  readonly shape: VectorShape;
  readonly layout: Layout;
  /** Lanes of a vector. */
  readonly width: number;
  /** Bytes of tile buffers; running sums over rows follow them. */
  readonly scratch: number;
  readonly sumBytes: number;
  /** Outputs that stages write where the caller wants them, and where the scratch says that is. */
  readonly direct: ReadonlyMap<Buffer, number>;
}

/** Writes the functions of a lowered program. */
export function cBody(lowered: Lowered, options: COptions): CBody {
  const { vectorBytes, fused, embeds, tables, byTurns, tileBytes, apart } = options;
  const { dtype } = lowered;
  const shape = { dtype, vectorBytes };
  const machine = machineOf(shape, options.registers);
  const { width, blocking } = machine;
  const tileRows = apart !== undefined ? 1 : tileRowsFor(lowered, { machine, tileBytes });
  const layout = layoutOf(lowered, {
    width,
    mostRows: Number.POSITIVE_INFINITY,
    tileRows,
    blocking,
    byCells: options.byCells ?? false,
    ...(apart && { panelRows: (product) => apart.panelRows(product, machine) }),
  });
  const cellsEnd = layout.scratchBytes;
  const elsewhere = apart === undefined ? [] : writtenOnly(lowered);
  const direct = new Map(elsewhere.map((buffer, index) => [buffer, cellsEnd + 8 * index]));
  const scratch = cellsEnd + Math.ceil((8 * direct.size) / 64) * 64;
  const { file, prefix } = options.into ?? {
    file: new CFile({ dtype, fused, embeds, tables, byTurns }),
    prefix: "",
  };
  const target = new CTarget(file, machine);
  const common = { target, layout, base: target.int(0), laneBytes: LANE_BYTES, sums: target.int(scratch) };
  const emit = apart?.emit ?? emitStage;
  const loops = sliceLoops(lowered);
  const whole = loops.length === 0 ? lowered.stages : lowered.stages.slice(0, -1);
  whole.forEach((stage, index) => {
    define(file, `${prefix}stage${index}`, () => emit(stage, { ...common, places: placesIn(file, direct) }));
  });
  loops.forEach(({ stages }, depth) => {
    const steps = new Map(loops.slice(0, depth + 1).map(({ axis }, index) => [axis, stepAt(index)]));
    const params = [...PARAMS, ...[...steps.values()].map(({ name }) => `ix ${name}`)];
    define(file, { name: `${prefix}slice${depth}`, params }, () => {
      const frame = { ...common, steps, places: placesIn(file, direct) };
      for (const stage of stages) emit(stage, frame);
    });
  });
  const inner = { file, target, layout, prefix };
  defineConversions(inner, lowered.inputs, "in");
  if (!options.into?.rawOutputs) defineConversions(inner, lowered.outputs, "out");
  const sumBytes = layout.sums.length * layout.bytes;
  return { text: file.text, shape, layout, width, scratch, sumBytes, direct };
}

/** Outputs that are stored and never read, as they are: stages can write them where the caller wants them. */
function writtenOnly({ stages, inputs, outputs }: Lowered): Buffer[] {
  const leaves = leavesOf(stages);
  const written = new Set(leaves.flatMap((stage) => stage.stores.map(({ access }) => access.buffer)));
  const read = new Set(leaves.flatMap((stage) => loadsOf(stage).map(({ buffer }) => buffer)));
  const ports = [...inputs, ...outputs].map(({ buffer }) => buffer);
  return outputs
    .map(({ buffer }) => buffer)
    .filter((buffer) => buffer.cell === "float" && written.has(buffer) && !read.has(buffer))
    .filter((buffer) => ports.indexOf(buffer) === ports.lastIndexOf(buffer));
}

/** Reads where they are, at the start of a function. */
function placesIn(file: CFile, direct: ReadonlyMap<Buffer, number>): Map<Buffer, Int> {
  return new Map(
    [...direct].map(([buffer, slot], index) => {
      const base = `z${index}`;
      file.current.line(`char *const ${base} = *(char *const *)(s + ${slot}); (void)${base};`);
      return [buffer, { name: undefined, key: "", offset: 0, base }];
    }),
  );
}

const LANE_BYTES = { name: "n", key: "n", offset: 0 };
/** Where a loop stands that makes an output in slices. */
const stepAt = (depth: number): Int & { name: string } => ({
  name: `step${depth}`,
  key: `step${depth}`,
  offset: 0,
});
const PARAMS = ["char *restrict s", "const char *restrict m", "ix n"];

function define(
  file: CFile,
  signature: string | Pick<Signature, "name" | "params">,
  write: () => void,
): void {
  const own = typeof signature === "string" ? { name: signature, params: PARAMS } : signature;
  file.define({ ...own, attributes: "JR_STAGE" }, () => {
    file.current.line("(void)s, (void)m, (void)n;");
    write();
    return undefined;
  });
}

interface Writing {
  readonly file: CFile;
  readonly target: CTarget;
  readonly layout: Layout;
  readonly prefix: string;
}

/** Rows are floats; buffers may hold ints or masks: functions convert_in, convert_out change them in place. */
function defineConversions(
  { file, target, layout, prefix }: Writing,
  ports: readonly Port[],
  to: "in" | "out",
): void {
  const buffers = [...new Set(ports.map((port) => port.buffer))].filter(({ cell }) => cell !== "float");
  define(file, `${prefix}convert_${to}`, () => {
    for (const buffer of buffers) {
      const cellBytes = layout.tileRows * layout.bytes;
      const start = (layout.placement.get(buffer) as number) * cellBytes;
      const end = target.int(start + buffer.cells * cellBytes);
      target.loop({ from: target.int(start), to: end, step: cellBytes }, (cell) => {
        target.loop({ from: target.int(0), to: LANE_BYTES, step: target.width * layout.bytes }, (lane) => {
          const at = target.plus(cell, lane);
          target.store(at, 0, converted(target, buffer, { at, to }));
        });
      });
    }
  });
}

type At = Parameters<CTarget["load"]>[0];

function converted(target: CTarget, { cell }: Buffer, { at, to }: { at: At; to: "in" | "out" }) {
  const { lanes } = target;
  const value = target.load(at, 0);
  if (cell === "int") return to === "in" ? target.floatToInt(value) : target.intToFloat(value);
  return to === "in" ? lanes.ne(value, lanes.constant(0)) : lanes.and(value, lanes.constant(1));
}
