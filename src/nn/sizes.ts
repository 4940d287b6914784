/** Sizes of layers and networks, checked where they are given: a missing one is named at once, not as NaN in some result. */

import { UsageError } from "../errors.ts";
import { type Rule, readerChecks } from "../trace/option-rules.ts";

/** An option that `checkSizes` looks at. */
export const sizeRule: Rule = readerChecks("a whole number");

/** Throws `UsageError` JR809 unless every size is a whole number, `least` or more. */
export function checkSizes(what: string, sizes: Readonly<Record<string, unknown>>, least = 1): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && (size as number) >= least) continue;
    throw new UsageError(
      "JR809",
      `${what} needs ${name}, a whole number, at least ${least}; got ${typeof size === "string" ? `"${size}"` : String(size)}`,
    );
  }
}
