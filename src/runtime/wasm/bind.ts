/**
 * Binding: evaluates what is shared by all rows and writes it to a kernel's memory in the order it is read.
 *
 * In: the lowered program, its layout, and shared inputs. Out: the bytes below `code.end`. The same shared inputs give
 * the same bytes; nothing is recompiled.
 */

import { type Layout, packedOnce } from "../../codegen/layout.ts";
import { pack } from "../../codegen/packing.ts";
import type { Cell, InputNode, Node } from "../../ir/types.ts";
import type { Buffer, Lowered } from "../../lower/loops.ts";
import { evaluateBound, type Numbers } from "../interpreter.ts";

/** What binding needs of a kernel's code. */
export interface Bindable {
  readonly layout: Layout;
  /** Constants, to be copied to `layout.end`. */
  readonly constants: Uint8Array;
  /** Bytes in all. */
  readonly end: number;
}

/** The image of a memory's bound part. */
export function boundImage(
  lowered: Lowered,
  code: Bindable,
  shared: ReadonlyMap<InputNode, Numbers>,
): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(code.end);
  const values = boundValues(lowered, shared);
  const cells = (buffer: Buffer): Float64Array => values.get(buffer) as Float64Array;
  const { bytes } = code.layout;
  for (const [product, { address, packing }] of packedOnce(code.layout)) {
    const out =
      bytes === 4
        ? new Float32Array(image.buffer, address, packing.cells)
        : new Float64Array(image.buffer, address, packing.cells);
    pack(product, { packing, values: cells(product.a.buffer), tables: cells, out });
  }
  for (const [buffer, address] of code.layout.plain)
    writeCells(image, { code, address, cell: buffer.cell }, cells(buffer));
  image.set(code.constants, code.layout.end);
  return image;
}

/** Values of every bound buffer, one number per cell. */
export function boundValues(
  { buffers }: Lowered,
  shared: ReadonlyMap<InputNode, Numbers>,
): Map<Buffer, Float64Array> {
  const bound = buffers.flatMap((buffer) => (buffer.space === "bound" ? [buffer] : []));
  const sources: Node[] = bound.map((buffer) => buffer.source);
  const values = evaluateBound(sources, shared);
  return new Map(bound.map((buffer, index) => [buffer, filled(values[index] as Float64Array, buffer.cells)]));
}

function filled(values: Float64Array, cells: number): Float64Array {
  return values.length === cells ? values : new Float64Array(cells).fill(values[0] as number);
}

/** Floats as they are, ints with the float's width, bools as masks. */
function writeCells(
  image: Uint8Array<ArrayBuffer>,
  { code, address, cell }: { code: Bindable; address: number; cell: Cell },
  values: Float64Array,
): void {
  const single = code.layout.bytes === 4;
  const { buffer } = image;
  if (cell === "float") {
    (single
      ? new Float32Array(buffer, address, values.length)
      : new Float64Array(buffer, address, values.length)
    ).set(values);
    return;
  }
  const whole = cell === "bool" ? values.map((value) => (value === 0 ? 0 : -1)) : values;
  if (single) new Int32Array(buffer, address, whole.length).set(whole);
  else new BigInt64Array(buffer, address, whole.length).set(Array.from(whole, (value) => BigInt(value)));
}
