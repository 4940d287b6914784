/**
 * Clears lanes that hold no row, so that sums over rows add exactly 0 for them, whatever was computed there.
 *
 * In: the buffers that sums read. Out: a function clear(scratch, rows) for a tile with fewer rows than lanes.
 */

import { operandsOf } from "../../lower/accesses.ts";
import type { Buffer, Lowered } from "../../lower/loops.ts";
import type { Layout } from "../layout.ts";
import type { Context, Int } from "./context.ts";
import type { WasmModule } from "./module.ts";
import { types } from "./opcodes.ts";
import type { WasmTarget } from "./target.ts";

const SCRATCH: Int = { local: 0, key: "a0", offset: 0 };

/** Writes the function; a vector's first lane always holds a row. */
export function defineClear(
  module: WasmModule,
  target: WasmTarget,
  { lowered, layout }: { lowered: Lowered; layout: Layout },
): Context {
  const { bytes } = layout;
  const width = target.width;
  return module.define({ params: [types.i32, types.i32] }, ({ code }) => {
    const [rest, start] = [code.local(types.i32), code.local(types.i32)];
    code.open("block");
    code.get(1);
    code.i32(width - 1);
    code.op("i32.and");
    code.tee(rest);
    code.op("i32.eqz");
    code.op("br_if", 0);
    code.get(0);
    code.get(1);
    code.get(rest);
    code.op("i32.sub");
    code.i32(bytes);
    code.op("i32.mul");
    code.op("i32.add");
    code.set(start);
    for (const buffer of summedBuffers(lowered)) clearBuffer(buffer);
    code.op("end");

    function clearBuffer(buffer: Buffer): void {
      const cellBytes = layout.tileRows * bytes;
      const base: Int = {
        ...SCRATCH,
        local: start,
        key: `start${buffer.id}`,
        offset: (layout.placement.get(buffer) as number) * cellBytes,
      };
      target.loop(
        { from: target.int(0), to: target.int(buffer.cells * cellBytes), step: cellBytes },
        (cell) => {
          const address = target.plus(base, cell);
          for (let lane = 1; lane < width; lane++) clearLane(address, lane);
        },
      );
    }

    function clearLane(address: Int, lane: number): void {
      code.get(rest);
      code.i32(lane);
      code.op("i32.le_u");
      code.open("if");
      const offset = module.current.pushAddress(address, lane * bytes);
      if (bytes === 4) code.i32(0);
      else code.i64(0n);
      code.memory(bytes === 4 ? "i32.store" : "i64.store", offset);
      code.op("end");
    }
  });
}

/** What sums over rows read. */
function summedBuffers({ stages }: Lowered): Set<Buffer> {
  const sums = stages.filter((stage) => stage.kind === "sum");
  return new Set(sums.flatMap((stage) => operandsOf(stage).map(({ buffer }) => buffer)));
}
