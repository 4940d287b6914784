/**
 * The smooth counterparts of relu, |x|, max and min, all made of one function: softplus.
 *
 * relu(x) ≈ log(1 + e^βx)/β. Then |x| = relu(x) + relu(−x) and max(a, b) = b + relu(a − b). Every result is infinitely
 * often differentiable, and finite where its arguments are.
 */

import type { Builder } from "../ir/builder.ts";
import { logsumexp, sigmoid, softplus } from "../ir/library/index.ts";
import type { Node } from "../ir/types.ts";

/** Smooth functions of one sharpness β, made in one builder. */
export class Smoother {
  readonly b: Builder;
  readonly beta: number;

  constructor(b: Builder, beta: number) {
    this.b = b;
    this.beta = beta;
  }

  /** β x. */
  scaled(x: Node): Node {
    return this.b.mul(this.b.constant(this.beta), x);
  }

  /** max(x, 0). */
  relu(x: Node): Node {
    return softplus(this.b, x, { beta: this.beta });
  }

  /** 1 where x > 0, 0 where x < 0. */
  step(x: Node): Node {
    return sigmoid(this.b, this.scaled(x));
  }

  abs(x: Node): Node {
    return this.b.add(this.relu(x), this.relu(this.b.neg(x)));
  }

  max(x: Node, y: Node): Node {
    return this.b.add(y, this.relu(this.b.sub(x, y)));
  }

  min(x: Node, y: Node): Node {
    return this.b.sub(x, this.relu(this.b.sub(x, y)));
  }

  /** The largest over `axes`: one log-sum-exp per axis, which is the same as one over all. */
  reduceMax(x: Node, axes: readonly number[]): Node {
    const { b, beta } = this;
    const last = [...axes].sort((i, j) => j - i);
    const sum = last.reduce((value, axis) => logsumexp(b, value, axis), this.scaled(x));
    return b.mul(b.constant(1 / beta), sum);
  }

  /** min(max(x, low), high); infinite bounds are none. */
  clip(x: Node, low: Node | undefined, high: Node | undefined): Node {
    const { b } = this;
    if (low === undefined) return high === undefined ? x : this.min(x, high);
    const above = b.add(low, this.relu(b.sub(x, low)));
    return high === undefined ? above : b.sub(above, this.relu(b.sub(x, high)));
  }
}
