/**
 * `Mask`: bools of one row, the outcome of comparisons and the condition of `where`.
 *
 * Both branches are computed and `where` picks. JavaScript sees an object, which is always true: it cannot be stopped from
 * testing one, but a mask that no operation uses was tested by `if`, `?:`, `&&` or `!` and is refused when the trace ends.
 * `m1 || m2` alone goes unseen, since JavaScript never makes m2: write or(m1, m2).
 */

import { UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { emit } from "./operand.ts";
import type { Over } from "./ops/axes.ts";
import * as movement from "./ops/movement.ts";
import * as reductions from "./ops/reductions.ts";
import { guardMethods } from "./options.ts";
import { captureOrigin } from "./origin.ts";
import type { Traced } from "./scope.ts";
import { TracedBase } from "./traced.ts";

/** Bools of one row: what comparisons give and `where` takes. */
export class Mask extends TracedBase {
  declare protected readonly isMask: true;

  constructor(traced: Traced) {
    super(traced);
    traced.scope.unused.set(traced, captureOrigin());
  }

  /** True where both are. */
  and(other: Mask): Mask {
    return new Mask(emit("and", [this, other], (b, [x, y]) => b.logic("and", x as Node, y as Node)));
  }

  /** True where either is. */
  or(other: Mask): Mask {
    return new Mask(emit("or", [this, other], (b, [x, y]) => b.logic("or", x as Node, y as Node)));
  }

  /** True where this is false. */
  not(): Mask {
    return new Mask(emit("not", [this], (b, [x]) => b.not(x as Node)));
  }

  /** Is any true? */
  any(over?: Over): Mask {
    return new Mask(emit("any", [this], (b, [x]) => reductions.any(b, x as Node, over)));
  }

  /** Are all true? */
  all(over?: Over): Mask {
    return new Mask(emit("all", [this], (b, [x]) => reductions.all(b, x as Node, over)));
  }

  entry(index: number): Mask {
    return new Mask(emit("at", [this], (b, [x]) => movement.entry(b, x as Node, { index })));
  }

  static {
    guardMethods(this.prototype, ["constructor", "entry"]);
  }
}

/** A mask from an operand, or a clear error. */
export function asMask(what: string, operand: unknown): Mask {
  if (operand instanceof Mask) return operand;
  const found =
    operand instanceof TracedBase ? `numbers of shape ${showShape(operand.shape)}` : typeof operand;
  throw new UsageError("JR314", `${what} takes the outcome of a comparison, such as gt(x, 0), not ${found}`);
}
