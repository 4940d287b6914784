/**
 * Moves rows between row-major memory (as users have them) and tile buffers (a vector per cell).
 *
 * Blocks of width × width cells are transposed in registers; columns that are left go lane by lane. Rows are read
 * and written in whole vectors: staging areas must be padded to a multiple of `width` rows.
 */

import { type Port, rowCells } from "../../lower/loops.ts";
import type { Layout } from "../layout.ts";
import type { Variable } from "../target.ts";
import type { Context, Int, Value } from "./context.ts";
import type { WasmModule } from "./module.ts";
import { types, type ValueType } from "./opcodes.ts";
import type { WasmTarget } from "./target.ts";

/** Parameters of a copy function: scratch, bytes of lanes, the first row. */
export const COPY_PARAMS: readonly ValueType[] = [types.i32, types.i32, types.i32];
const COPIED = [0, 1, 2].map((local): Int => ({ local, key: `a${local}`, offset: 0 })) as [Int, Int, Int];

/** Everything a copy needs to know. */
interface Copying {
  readonly target: WasmTarget;
  readonly port: Port;
  /** Bytes of a float, of a row in memory, and of one cell of all lanes of the tile. */
  readonly bytes: 4 | 8;
  readonly rowBytes: number;
  readonly cellBytes: number;
}

/** Writes the function that fills a row input's buffer. */
export function defineCopyIn(
  module: WasmModule,
  target: WasmTarget,
  { port, layout }: { port: Port; layout: Layout },
): Context {
  return defineCopy(module, target, {
    port,
    layout,
    block: copyBlockIn,
    column: copyColumnIn,
    single: copySingleIn,
  });
}

/** Writes the function that stores an output's buffer as rows. */
export function defineCopyOut(
  module: WasmModule,
  target: WasmTarget,
  { port, layout }: { port: Port; layout: Layout },
): Context {
  return defineCopy(module, target, {
    port,
    layout,
    block: copyBlockOut,
    column: copyColumnOut,
    single: copySingleOut,
  });
}

/** Writes the function that copies a row in or out where a tile is one row: its cells lie as rows do. */
export function defineRowCopy(
  module: WasmModule,
  target: WasmTarget,
  { port, layout, out }: { port: Port; layout: Layout; out: boolean },
): Context {
  const { bytes, placement } = layout;
  return module.define({ params: COPY_PARAMS }, (context) => {
    const [base, , row] = COPIED;
    const cell = target.plus(base, target.int((placement.get(port.buffer) as number) * bytes));
    const [to, from] = out ? [row, cell] : [cell, row];
    for (const operand of [to, from, target.int(port.buffer.cells * bytes)]) context.push(operand);
    context.code.memoryCopy();
  });
}

interface Movers {
  /** A block of width × width cells, one column, and the rows of a port of one column. */
  readonly block: Mover;
  readonly column: Mover;
  readonly single: Mover;
}

type Mover = (copying: Copying, place: { row: Int; cell: Int; column: number }) => void;

function defineCopy(
  module: WasmModule,
  target: WasmTarget,
  { port, layout, ...movers }: Movers & { port: Port; layout: Layout },
): Context {
  const { bytes } = layout;
  return module.define({ params: COPY_PARAMS }, () => {
    const [base, laneBytes, rows] = COPIED;
    const copying = {
      target,
      port,
      bytes,
      rowBytes: rowCells(port) * bytes,
      cellBytes: layout.tileRows * bytes,
    };
    const start = target.plus(
      base,
      target.int((layout.placement.get(port.buffer) as number) * copying.cellBytes),
    );
    const [row, cell] = [target.counter(rows), target.counter(start)];
    target.loop({ from: target.int(0), to: laneBytes, step: target.width * bytes }, () => {
      copyStrip(copying, { ...movers, row, cell });
      row.set(target.plus(row.get(), target.int(target.width * copying.rowBytes)));
      cell.set(target.plus(cell.get(), target.int(target.width * bytes)));
    });
  });
}

/** `width` rows, all columns; rows of one column lie as lanes do. */
function copyStrip(copying: Copying, at: Movers & { row: Variable<Int>; cell: Variable<Int> }): void {
  const { target, bytes, cellBytes, port } = copying;
  const { width } = target;
  if (port.buffer.cells === 1)
    return at.single(copying, { row: at.row.get(), cell: at.cell.get(), column: 0 });
  const whole = port.buffer.cells - (port.buffer.cells % width);
  const [row, cell] = [target.counter(at.row.get()), target.counter(at.cell.get())];
  target.loop({ from: target.int(0), to: target.int(whole), step: width }, () => {
    at.block(copying, { row: row.get(), cell: cell.get(), column: 0 });
    row.set(target.plus(row.get(), target.int(width * bytes)));
    cell.set(target.plus(cell.get(), target.int(width * cellBytes)));
  });
  for (let column = 0; column < port.buffer.cells - whole; column++) {
    at.column(copying, { row: row.get(), cell: cell.get(), column });
  }
}

function copyBlockIn(copying: Copying, { row, cell }: { row: Int; cell: Int }): void {
  const { target, rowBytes, cellBytes } = copying;
  const rows = Array.from({ length: target.width }, (_, index) => target.load(row, index * rowBytes));
  target
    .transpose(rows)
    .forEach((value, index) => target.store(cell, index * cellBytes, fromFloat(copying, value)));
}

function copyBlockOut(copying: Copying, { row, cell }: { row: Int; cell: Int }): void {
  const { target, rowBytes, cellBytes } = copying;
  const cells = Array.from({ length: target.width }, (_, index) =>
    toFloat(copying, target.load(cell, index * cellBytes)),
  );
  target.transpose(cells).forEach((value, index) => target.store(row, index * rowBytes, value));
}

function copyColumnIn(
  copying: Copying,
  { row, cell, column }: { row: Int; cell: Int; column: number },
): void {
  const { target, rowBytes, bytes, cellBytes } = copying;
  const lanes = { space: "tile", stride: rowBytes, lanes: target.width } as const;
  const value = target.spread(row, column * bytes, lanes);
  target.store(cell, column * cellBytes, fromFloat(copying, value));
}

function copyColumnOut(
  copying: Copying,
  { row, cell, column }: { row: Int; cell: Int; column: number },
): void {
  const { target, rowBytes, bytes, cellBytes } = copying;
  const value = toFloat(copying, target.load(cell, column * cellBytes));
  target.scatter(row, value, { offset: column * bytes, stride: rowBytes, lanes: target.width });
}

function copySingleIn(copying: Copying, { row, cell }: { row: Int; cell: Int }): void {
  copying.target.store(cell, 0, fromFloat(copying, copying.target.load(row, 0)));
}

function copySingleOut(copying: Copying, { row, cell }: { row: Int; cell: Int }): void {
  copying.target.store(row, 0, toFloat(copying, copying.target.load(cell, 0)));
}

/** Rows are floats; buffers may hold ints or masks. */
function fromFloat({ target, port }: Copying, value: Value): Value {
  if (port.buffer.cell === "int") return target.floatToInt(value);
  return port.buffer.cell === "bool" ? target.lanes.ne(value, target.lanes.constant(0)) : value;
}

function toFloat({ target, port }: Copying, value: Value): Value {
  if (port.buffer.cell === "int") return target.intToFloat(value);
  return port.buffer.cell === "bool" ? target.lanes.and(value, target.lanes.constant(1)) : value;
}
