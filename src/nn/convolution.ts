/**
 * Convolution of one row's value (channels, …places) with weights (features, channels / groups, …window).
 *
 * In: traced value and weights. Out: (features, …places). It is windows and one contraction, so that its derivative
 * is known to the engine like any other product's. A cross-correlation, as in PyTorch.
 */

import { UsageError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { range, showShape } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Operand } from "../trace/operand.ts";
import { type RulesFor, whole } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import type { Tensor } from "../trace/shapes.ts";
import { valueOf } from "../trace/value.ts";

/** One stride and padding for all axes of places. */
export interface ConvolutionOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Rules of its options. */
export const windowRules: RulesFor<ConvolutionOptions> = {
  stride: whole,
  padding: whole,
  dilation: whole,
  groups: whole,
};

/** The convolution of x with weights. */
export function convolve(x: Operand, weight: Operand, options: ConvolutionOptions = {}): Tensor {
  checkOptions("convolve", windowRules, options);
  return convolutionOf(x, weight, options);
}

/** The same with options that have been checked. */
export function convolutionOf(x: Operand, weight: Operand, options: ConvolutionOptions): Tensor {
  return valueOf("convolution", [x, weight], (b, [value, weights]) =>
    convolved(b, [value as Node, weights as Node], options),
  );
}

function convolved(b: Builder, [x, weight]: readonly [Node, Node], options: ConvolutionOptions): Node {
  const { padding = 0, groups = 1 } = options;
  const [channels = 0, ...places] = x.shape;
  const [features = 0, each = 0, ...window] = weight.shape;
  if (each * groups !== channels || features % groups !== 0 || window.length !== places.length)
    throw new UsageError(
      "JR804",
      `weights ${showShape(weight.shape)} in ${groups} groups do not fit a value of shape ${showShape(x.shape)}`,
    );
  const shape = x.shape.map((size, axis) => (axis === 0 ? size : size + 2 * padding));
  const starts = x.shape.map((_, axis) => (axis === 0 ? 0 : padding));
  const padded = padding === 0 ? x : b.pad(x, { starts, steps: x.shape.map(() => 1), shape });
  const windows = windowed(b, b.reshape(padded, [groups, each, ...shape.slice(1)]), { window, options });
  const kernels = b.reshape(weight, [groups, features / groups, each, ...window]);
  const product = contracted(b, [windows, kernels], window.length);
  return b.reshape(product, [features, ...product.shape.slice(2)]);
}

/** (groups, each, …places) → (groups, each, place, cell, place, cell, …). */
function windowed(
  b: Builder,
  x: Node,
  { window, options }: { window: readonly number[]; options: ConvolutionOptions },
): Node {
  const { stride = 1, dilation = 1 } = options;
  return window.reduce(
    (node, size, index) => b.window(node, { axis: 2 + 2 * index, size, stride, dilation }),
    x,
  );
}

function contracted(b: Builder, [x, weight]: readonly [Node, Node], rank: number): Node {
  const [group, feature, channel] = [0, 1, 2];
  const places = range(rank).map((axis) => 3 + axis);
  const cells = range(rank).map((axis) => 3 + rank + axis);
  return b.contract(weight, x, {
    a: [group, feature, channel, ...cells],
    b: [group, channel, ...places.flatMap((place, axis) => [place, cells[axis] as number])],
    out: [group, feature, ...places],
  });
}
