/**
 * Mini-batches as row indices: an order of the rows per epoch; the rows of a batch are read where they lie.
 *
 * In: rows as flat arrays, a seeded generator. Out: the rows of a batch in a kernel's memory. Always: the order of an epoch
 * depends on the generator's state alone; nothing is allocated.
 */

import type { Random } from "./random.ts";
import type { ParameterData } from "./tree.ts";

/** Rows of one input: n times `size` numbers. */
export interface RowData {
  readonly name: string;
  readonly data: ParameterData;
  readonly rowShape: readonly number[];
}

/** Copies the rows at order[start], …, order[start + count − 1] of one input next to each other. */
export function gather(
  { data, place }: { readonly data: ParameterData; readonly place: ParameterData },
  order: Int32Array,
  { start, count }: { start: number; count: number },
): void {
  const size = place.length / count;
  for (let row = 0; row < count; row++) {
    const from = (order[start + row] as number) * size;
    for (let cell = 0; cell < size; cell++) place[row * size + cell] = data[from + cell] as number;
  }
}

/** The rows 0 … n − 1 in the next random order. */
export function shuffled(order: Int32Array, random: Random): void {
  for (let row = 0; row < order.length; row++) order[row] = row;
  random.shuffle(order);
}
