/**
 * Mini-batches as row indices: an order of the rows per epoch, and the gathering of one batch into a fixed place.
 *
 * In: rows as flat arrays, a seeded generator. Out: the rows of a batch next to each other in arrays made once. Always:
 * the order of an epoch depends on the generator's state alone.
 */

import type { Random } from "./random.ts";
import type { ParameterData } from "./tree.ts";

/** Rows of one input: n times `size` numbers. */
export interface RowData {
  readonly name: string;
  readonly data: ParameterData;
  readonly rowShape: readonly number[];
}

/** Places for one batch of every input, and views of them for fewer rows. */
export class Batch {
  readonly #inputs: readonly (RowData & { readonly place: ParameterData; readonly size: number })[];
  readonly #views: Map<number, Readonly<Record<string, { data: ParameterData; shape: readonly number[] }>>> =
    new Map();

  constructor(inputs: readonly RowData[], rows: number) {
    this.#inputs = inputs.map((input) => {
      const size = input.rowShape.reduce((product, length) => product * length, 1);
      const make = input.data.constructor as new (length: number) => ParameterData;
      return { ...input, size, place: new make(rows * size) };
    });
  }

  /** The rows at order[start], …, order[start + count − 1], by input name. */
  gather(
    order: Int32Array,
    start: number,
    count: number,
  ): Readonly<Record<string, { data: ParameterData; shape: readonly number[] }>> {
    for (const { data, place, size } of this.#inputs)
      for (let row = 0; row < count; row++) {
        const from = (order[start + row] as number) * size;
        for (let cell = 0; cell < size; cell++) place[row * size + cell] = data[from + cell] as number;
      }
    return this.#view(count);
  }

  #view(count: number): Readonly<Record<string, { data: ParameterData; shape: readonly number[] }>> {
    const known = this.#views.get(count);
    if (known !== undefined) return known;
    const view = Object.fromEntries(
      this.#inputs.map(({ name, place, size, rowShape }) => [
        name,
        { data: place.subarray(0, count * size), shape: [count, ...rowShape] },
      ]),
    );
    this.#views.set(count, view);
    return view;
  }
}

/** The rows 0 … n − 1 in the next random order. */
export function shuffled(order: Int32Array, random: Random): void {
  for (let row = 0; row < order.length; row++) order[row] = row;
  random.shuffle(order);
}
