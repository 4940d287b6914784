/**
 * Sizes estimated before anything is allocated.
 *
 * In: the results' sizes per row and n. Out: nothing, or a `UsageError` that says how large they would be and what to
 * ask for instead. The machine's free memory is asked for where the runtime tells it.
 */

import { UsageError } from "../errors.ts";

/** One result that is about to be computed. */
export interface Estimate {
  readonly name: string;
  /** Numbers per row. */
  readonly cells: number;
}

const MOST_BYTES_PER_ROW = 512e6;
/** Below this nobody asks the machine: that takes longer than a small call. */
const CERTAINLY_FREE = 64e6;
/** Below this nobody asks how much memory is free: the question takes longer than a small call. */
const ALWAYS_FREE_BYTES = 64e6;

interface MemoryHost {
  readonly process?: { readonly availableMemory?: () => number };
}

/** Throws where results do not fit: too wide for one row, or too many rows. */
export function checkSize(
  results: readonly Estimate[],
  size: { n: number; bytesPerNumber: number; maxBytes?: number | undefined },
): void {
  const { n, bytesPerNumber, maxBytes } = size;
  let total = 0;
  for (let index = 0; index < results.length; index++) {
    const { name, cells } = results[index] as Estimate;
    total += cells * bytesPerNumber * n;
    const bytes = cells * bytesPerNumber;
    if (bytes > (maxBytes ?? MOST_BYTES_PER_ROW)) {
      throw new UsageError(
        "JR410",
        `${name} would be ${bytesText(bytes)} per row; for one class use outputs: [i], or vjp or jvp for products with it ` +
          "(maxBytes raises the limit)",
      );
    }
  }
  if (total <= Math.min(ALWAYS_FREE_BYTES, maxBytes ?? ALWAYS_FREE_BYTES)) return;
  const limit = maxBytes ?? (total < CERTAINLY_FREE ? total : availableBytes());
  if (total > limit) {
    throw new UsageError(
      "JR411",
      `${results.map(({ name }) => name).join(", ")} of ${n} rows would be ${bytesText(total)}, and ${bytesText(limit)} are free: ` +
        "pass fewer rows at a time",
    );
  }
}

function availableBytes(): number {
  return (globalThis as MemoryHost).process?.availableMemory?.() ?? 16e9;
}

/** 602 MB, 7.1 TB, as people write sizes. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? Math.round(value) : twoDigits(value)} ${units[power]}`;
}

/** Two digits or all before the point: 0.12, 1.2, 123. */
export function twoDigits(value: number): string {
  return value >= 99.5 ? String(Math.round(value)) : value.toPrecision(2);
}
