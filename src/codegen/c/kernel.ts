/**
 * A lowered program as a C file.
 *
 * Each tile copies its rows in, runs every stage (a function of its own), and copies its results out. Sums over rows
 * start at 0 with every chunk of rows, and are copied to the chunk's place when it is done.
 */

import type { Buffer, Lowered, Port } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import { emitStage } from "../emit.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { CFile } from "./file.ts";
import { machineOf } from "./machine.ts";
import { preludeText } from "./prelude.ts";
import { rowsText } from "./rows.ts";
import { exportsText, runText } from "./run.ts";
import { CTarget } from "./target.ts";
import { tileRowsFor } from "./tiles.ts";

/** Options that change the code. */
export interface COptions {
  readonly vectorBytes: 16 | 32 | 64;
  /** Multiply-adds round once. */
  readonly fused: boolean;
  /** No call has more rows; default: any number. */
  readonly mostRows?: number;
}

/** A source file and how to lay out memory for it. */
export interface CKernel {
  readonly source: string;
  readonly layout: Layout;
  /** Constants are part of the source: no bytes. */
  readonly constants: Uint8Array;
  /** Bytes of bound memory. */
  readonly end: number;
  /** Bytes of scratch one thread needs, slack for alignment included. */
  readonly scratchBytes: number;
  /** Lanes of a vector. */
  readonly width: number;
  /** Bytes of one chunk's sums over rows: a vector per cell. */
  readonly sumBytes: number;
}

/** Writes the file of a lowered program. */
export function cKernel(lowered: Lowered, { vectorBytes, fused, mostRows }: COptions): CKernel {
  const { dtype } = lowered;
  const shape = { dtype, vectorBytes };
  const machine = machineOf(shape);
  const most = mostRows ?? Number.POSITIVE_INFINITY;
  const tileRows = tileRowsFor(lowered, { machine, mostRows: most });
  const layout = layoutOf(lowered, {
    width: machine.width,
    mostRows: most,
    tileRows,
    blocking: machine.blocking,
  });
  const scratch = Math.ceil((lowered.scratchCells * layout.tileRows * layout.bytes) / 64) * 64;
  const sumBytes = sumCells(lowered.sums) * vectorBytes;
  const file = new CFile({ dtype, fused });
  const target = new CTarget(file, machine);
  lowered.stages.forEach((stage, index) =>
    define(file, `stage${index}`, () =>
      emitStage(stage, {
        target,
        layout,
        base: target.int(0),
        laneBytes: LANE_BYTES,
        sums: target.int(scratch),
      }),
    ),
  );
  const inner = { file, target, layout };
  defineConversions(inner, lowered.inputs, "in");
  defineConversions(inner, lowered.outputs, "out");
  const scratchBytes = scratch + Math.ceil(sumBytes / 64) * 64 + 128;
  const run = runText(lowered, { layout, scratch, sumBytes });
  const exports = exportsText({ scratchBytes, sums: sumBytes > 0 });
  return {
    source: [preludeText(shape), rowsText, file.text, run, exports].join("\n"),
    layout,
    constants: new Uint8Array(0),
    end: layout.end,
    scratchBytes,
    sumBytes,
    width: machine.width,
  };
}

const LANE_BYTES = { name: "n", key: "n", offset: 0 };
const PARAMS = ["char *restrict s", "const char *restrict m", "ix n"];

function define(file: CFile, name: string, write: () => void): void {
  file.define({ name, params: PARAMS, attributes: "JR_STAGE" }, () => {
    file.current.line("(void)s, (void)m, (void)n;");
    write();
    return undefined;
  });
}

interface Writing {
  readonly file: CFile;
  readonly target: CTarget;
  readonly layout: Layout;
}

/** Rows are floats; buffers may hold ints or masks: functions convert_in, convert_out change them in place. */
function defineConversions(
  { file, target, layout }: Writing,
  ports: readonly Port[],
  to: "in" | "out",
): void {
  const buffers = [...new Set(ports.map((port) => port.buffer))].filter(({ cell }) => cell !== "float");
  define(file, `convert_${to}`, () => {
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
