/** Copies a span of rows between users' arrays and an area of an instance. */

import { type Lowered, rowCells } from "../../lower/loops.ts";
import { type FloatArray, floatView, type Instance, type RowSlot } from "./instance.ts";

/** Rows start … start + rows of these arrays. */
export interface Span {
  readonly inputs: readonly FloatArray[];
  readonly outs: readonly FloatArray[];
  readonly start: number;
  readonly rows: number;
}

/** Copies a span's inputs into a slot. */
export function copyIn(
  lowered: Lowered,
  { memory }: Instance,
  { slot, span }: { slot: RowSlot; span: Span },
): void {
  lowered.inputs.forEach((port, index) => {
    const cells = rowCells(port);
    const place = { address: slot.inputs[index] as number, length: span.rows * cells };
    const input = span.inputs[index] as FloatArray;
    floatView(lowered.dtype, memory.buffer, place).set(
      input.subarray(span.start * cells, (span.start + span.rows) * cells),
    );
  });
}

/** Copies a slot's outputs to a span. */
export function copyOut(
  lowered: Lowered,
  { memory }: Instance,
  { slot, span }: { slot: RowSlot; span: Span },
): void {
  lowered.outputs.forEach((port, index) => {
    const cells = rowCells(port);
    const place = { address: slot.outputs[index] as number, length: span.rows * cells };
    span.outs[index]?.set(floatView(lowered.dtype, memory.buffer, place), span.start * cells);
  });
}
