/**
 * `findKinks`: which rows lie near a jump of the Jacobian, and which unit causes it.
 *
 * In: a function of one row or a model, rows, a distance. Out: per unit the rows within that distance and the nearest of them.
 * The margins run as a compiled kernel, in float64. Always: memory is bounded, however many rows and units there are.
 */

import { UsageError } from "../errors.ts";
import { indexAt, sizeOf } from "../ir/shape.ts";
import { compileKernel, type FloatArray, type Kernel } from "../runtime/kernel.ts";
import { number, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { isRowFunction } from "../trace/row-function.ts";
import type { AnyFunction } from "../trace/trace.ts";
import { readArguments } from "./arguments.ts";
import { type Kink, kinkMargins, type Margins } from "./kink-margins.ts";
import { rulesOf } from "./options.ts";
import { baseOf } from "./plan.ts";
import type { Given, JacrowOptions } from "./types.ts";

/** The nearest row to one kink. */
export interface NearRow {
  readonly row: number;
  /** The unit's index in an array of units. */
  readonly index: readonly number[];
  /** Distance from the kink, in units of the compared values. */
  readonly margin: number;
}

/** One unit, or array of units, with a kink near some row. */
export interface NearKink extends Kink {
  /** How many rows are near. */
  readonly rows: number;
  readonly nearest: NearRow;
}

/** Which rows are near which kinks. */
export interface KinkReport {
  readonly epsilon: number;
  /** Rows that were looked at. */
  readonly checked: number;
  /** Rows with a kink nearer than epsilon, in order, at most a thousand. */
  readonly rows: readonly number[];
  readonly count: number;
  /** Units near some row, those with the most rows first. */
  readonly units: readonly NearKink[];
  /** One line for people. */
  readonly message: string;
}

/** Options of `findKinks`. */
export interface KinkOptions extends Pick<JacrowOptions, "shared"> {
  /** How near is near: the distance of the values whose order decides, before they are compared. */
  readonly epsilon: number;
}

const rules: RulesFor<KinkOptions> = { epsilon: number, ...rulesOf("shared") };
const MOST_LISTED = 1000;
/** Margins of a block of rows take at most this many numbers. */
const BLOCK_CELLS = 1 << 20;

/** Finds the rows whose Jacobian is within `epsilon` of a jump; `rows` is what `jacrow(f)` would take. */
export async function findKinks(
  f: AnyFunction,
  rows: Given | readonly Given[] | Readonly<Record<string, Given>>,
  options: KinkOptions,
): Promise<KinkReport> {
  if (typeof f !== "function")
    throw new UsageError("JR400", "findKinks takes a function of one row or a loaded model");
  checkOptions("findKinks", rules, options);
  if (options?.epsilon === undefined)
    throw new UsageError(
      "JR447",
      "findKinks needs { epsilon }, how near to a kink is near, for example { epsilon: 1e-3 }",
    );
  if (!(options.epsilon > 0))
    throw new UsageError("JR447", `epsilon is a distance above 0, got ${options.epsilon}`);
  const call = readArguments(f.length > 1 && !isRowFunction(f) ? (rows as readonly unknown[]) : [rows], {
    shared: options.shared ?? [],
    dtype: "f64",
    shapeOf: () => undefined,
    single: false,
  });
  const search = await KinkSearch.open(
    kinkMargins(baseOf(f, call.signature, { allowZero: true }).program),
    options.epsilon,
  );
  try {
    for (let start = 0; start < call.n; start += search.blockRows) {
      const end = Math.min(call.n, start + search.blockRows);
      const block = call.data.map((data, index) => {
        const { shape, level } = call.signature.inputs[index] as { shape: readonly number[]; level: string };
        return level === "row" ? data.subarray(start * sizeOf(shape), end * sizeOf(shape)) : data;
      });
      await search.add(block, { start, end });
    }
    return search.report();
  } finally {
    search.dispose();
  }
}

interface Tally {
  rows: number;
  nearest: { row: number; cell: number; margin: number } | undefined;
}

/** Kinks counted over blocks of rows. */
export class KinkSearch {
  /** Rows of a block, so that the margins fit. */
  readonly blockRows: number;
  readonly #kernel: Kernel | undefined;
  readonly #kinks: readonly Kink[];
  readonly #epsilon: number;
  readonly #tallies: readonly Tally[];
  readonly #rows: number[] = [];
  #count = 0;
  #checked = 0;

  private constructor(kernel: Kernel | undefined, kinks: readonly Kink[], epsilon: number) {
    this.#kernel = kernel;
    this.#kinks = kinks;
    this.#epsilon = epsilon;
    this.#tallies = kinks.map(() => ({ rows: 0, nearest: undefined }));
    const cells = kinks.reduce((sum, { shape }) => sum + sizeOf(shape), 1);
    this.blockRows = Math.max(1, Math.floor(BLOCK_CELLS / cells));
  }

  /** Compiles the margins; a program without kinks needs no kernel. */
  static async open({ program, kinks }: Margins, epsilon: number): Promise<KinkSearch> {
    const kernel =
      kinks.length === 0 ? undefined : await compileKernel(program, { device: "wasm", dtype: "f64" });
    return new KinkSearch(kernel, kinks, epsilon);
  }

  /** Looks at rows start to end − 1, whose inputs are `data`. */
  async add(data: readonly FloatArray[], { start, end }: { start: number; end: number }): Promise<void> {
    const n = end - start;
    this.#checked += n;
    if (this.#kernel === undefined) return;
    const near = new Uint8Array(n);
    const margins = await this.#kernel.run(data, n);
    margins.forEach((values, kink) => this.#tally(kink, values, { start, near }));
    near.forEach((isNear, row) => {
      if (isNear === 0) return;
      this.#count++;
      if (this.#rows.length < MOST_LISTED) this.#rows.push(start + row);
    });
  }

  #tally(kink: number, values: FloatArray, { start, near }: { start: number; near: Uint8Array }): void {
    const tally = this.#tallies[kink] as Tally;
    const width = values.length / near.length;
    for (let row = 0; row < near.length; row++) {
      let isNear = false;
      for (let cell = 0; cell < width; cell++) {
        const margin = values[row * width + cell] as number;
        if (!(margin < this.#epsilon)) continue;
        isNear = true;
        if (tally.nearest === undefined || margin < tally.nearest.margin)
          tally.nearest = { row: start + row, cell, margin };
      }
      if (!isNear) continue;
      tally.rows++;
      near[row] = 1;
    }
  }

  /** What has been found so far. */
  report(): KinkReport {
    const units = this.#kinks.flatMap((kink, index): NearKink[] => {
      const { rows, nearest } = this.#tallies[index] as Tally;
      if (nearest === undefined) return [];
      const { row, cell, margin } = nearest;
      return [{ ...kink, rows, nearest: { row, index: indexAt(kink.shape, cell), margin } }];
    });
    units.sort((a, b) => b.rows - a.rows || a.nearest.margin - b.nearest.margin);
    const [count, checked, epsilon] = [this.#count, this.#checked, this.#epsilon];
    const message =
      this.#kinks.length === 0
        ? "the function has no kinks: its Jacobian never jumps"
        : `${count} of ${checked} rows lie within ${epsilon} of a jump of the Jacobian, by ${units.length} of ${this.#kinks.length} places with kinks`;
    return { epsilon, checked, rows: this.#rows, count, units, message };
  }

  dispose(): void {
    this.#kernel?.dispose();
  }
}
