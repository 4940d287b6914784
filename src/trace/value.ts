/**
 * `Value`: what a function of one row computes with.
 *
 * Every method makes a new value; none changes one. Each is one line over `ops/` (movement, reductions, products), the
 * builder or the library of stable functions; the free functions of `functions.ts` call these methods.
 */

import type { Builder } from "../ir/builder.ts";
import * as library from "../ir/library/index.ts";
import type { BinaryOp, CompareOp, Node, UnaryOp } from "../ir/types.ts";
import { Mask } from "./mask.ts";
import { emit, type Operand } from "./operand.ts";
import { axesOf, axisOf, type Over } from "./ops/axes.ts";
import * as movement from "./ops/movement.ts";
import * as products from "./ops/products.ts";
import * as reductions from "./ops/reductions.ts";
import { guardMethods } from "./options.ts";
import type { Broadcast, Item, Matmul, Scalar, Shape, Sliced, Tensor } from "./shapes.ts";
import { scalarEntries, TracedBase } from "./traced.ts";

/** The shape of an operand, where the compiler can tell. */
export type ShapeOf<O> = O extends number ? readonly [] : O extends Value<infer S> ? S : Shape;

/** A reduction over all axes gives a scalar. */
export type Reduced<O> = O extends undefined ? Scalar : Tensor;

type Make = (b: Builder, x: Node) => Node;

/** Wraps a node made in the innermost scope; the compiler is told its shape. */
export function valueOf<S extends Shape>(
  what: string,
  operands: readonly Operand[],
  make: (b: Builder, nodes: readonly Node[]) => Node,
): Tensor<S> {
  return new Value<S>(emit(what, operands, make)) as Tensor<S>;
}

/** Floats of one row, with a shape. */
export class Value<S extends Shape = Shape> extends TracedBase {
  declare protected readonly shapeType: S;

  #map(what: string, make: Make): this {
    return valueOf(what, [this], (b, [x]) => make(b, x as Node)) as unknown as this;
  }

  #unary(op: UnaryOp): this {
    return this.#map(op, (b, x) => b.unary(op, x));
  }

  #reshaped(what: string, make: Make): Tensor {
    return valueOf(what, [this], (b, [x]) => make(b, x as Node));
  }

  #reduced<O>(what: string, make: Make): Reduced<O> {
    return this.#reshaped(what, make) as Reduced<O>;
  }

  #binary<R extends Shape>(op: BinaryOp, other: Operand): Tensor<R> {
    return valueOf(op, [this, other], (b, [x, y]) => b.binary(op, x as Node, y as Node));
  }

  #compare(op: CompareOp, other: Operand, swapped = false): Mask {
    const operands = swapped ? [other, this] : [this, other];
    return new Mask(emit(op, operands, (b, [x, y]) => b.compare(op, x as Node, y as Node)));
  }

  entry(index: number): Tensor {
    this.#noteRead(index);
    return valueOf("at", [this], (b, [x]) => movement.entry(b, x as Node, { index }));
  }

  /** Entries along the first axis. */
  *[Symbol.iterator](): Generator<Tensor, void, undefined> {
    const [length] = this.shape;
    if (length === undefined) throw scalarEntries();
    for (let index = 0; index < length; index++) yield this.entry(index);
  }

  /** Of an input, for `Scope.partial`. */
  #noteRead(index: number): void {
    const { node, scope } = this.traced;
    if (node.op !== "input") return;
    const read = index < 0 ? index + (node.shape[0] ?? 0) + 1 : index + 1;
    scope.partial.set(node, Math.max(read, scope.partial.get(node) ?? 0));
  }

  // Arithmetic. Operands broadcast as in numpy.

  add<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("add", other);
  }
  sub<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("sub", other);
  }
  mul<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("mul", other);
  }
  div<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("div", other);
  }
  /** this ** other. */
  pow<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("pow", other);
  }
  /** The remainder with the divisor's sign, as Python's %. */
  mod<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("mod", other);
  }
  /** The smaller, cell by cell; ties share the derivative. */
  minimum<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("min", other);
  }
  /** The larger, cell by cell; ties share the derivative. */
  maximum<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("max", other);
  }
  /** The angle of the point (other, this). */
  atan2<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return this.#binary("atan2", other);
  }

  // Comparisons.

  lt(other: Operand): Mask {
    return this.#compare("lt", other);
  }
  le(other: Operand): Mask {
    return this.#compare("le", other);
  }
  gt(other: Operand): Mask {
    return this.#compare("lt", other, true);
  }
  ge(other: Operand): Mask {
    return this.#compare("le", other, true);
  }
  eq(other: Operand): Mask {
    return this.#compare("eq", other);
  }
  ne(other: Operand): Mask {
    return this.#compare("ne", other);
  }

  // Functions of each cell.

  neg(): this {
    return this.#unary("neg");
  }
  abs(): this {
    return this.#unary("abs");
  }
  sign(): this {
    return this.#unary("sign");
  }
  floor(): this {
    return this.#unary("floor");
  }
  ceil(): this {
    return this.#unary("ceil");
  }
  /** To the nearest whole number, halves to the even one. */
  round(): this {
    return this.#unary("round");
  }
  sqrt(): this {
    return this.#unary("sqrt");
  }
  exp(): this {
    return this.#unary("exp");
  }
  /** eˣ − 1, exact near 0. */
  expm1(): this {
    return this.#unary("expm1");
  }
  log(): this {
    return this.#unary("log");
  }
  /** log(1 + x), exact near 0. */
  log1p(): this {
    return this.#unary("log1p");
  }
  log2(): this {
    return this.#map("log2", (b, x) => b.div(b.unary("log", x), b.constant(Math.LN2)));
  }
  log10(): this {
    return this.#map("log10", (b, x) => b.div(b.unary("log", x), b.constant(Math.LN10)));
  }
  sin(): this {
    return this.#unary("sin");
  }
  cos(): this {
    return this.#unary("cos");
  }
  tan(): this {
    return this.#unary("tan");
  }
  asin(): this {
    return this.#unary("asin");
  }
  acos(): this {
    return this.#unary("acos");
  }
  atan(): this {
    return this.#unary("atan");
  }
  sinh(): this {
    return this.#unary("sinh");
  }
  cosh(): this {
    return this.#unary("cosh");
  }
  tanh(): this {
    return this.#unary("tanh");
  }
  asinh(): this {
    return this.#unary("asinh");
  }
  acosh(): this {
    return this.#unary("acosh");
  }
  atanh(): this {
    return this.#unary("atanh");
  }
  erf(): this {
    return this.#unary("erf");
  }
  square(): this {
    return this.#map("square", (b, x) => b.mul(x, x));
  }
  reciprocal(): this {
    return this.#map("reciprocal", (b, x) => b.div(b.constant(1), x));
  }
  /** 1 / (1 + e^−x). */
  sigmoid(): this {
    return this.#map("sigmoid", library.sigmoid);
  }
  logSigmoid(): this {
    return this.#map("logSigmoid", library.logSigmoid);
  }
  /** log(1 + e^(βx)) / β. */
  softplus(options: { beta?: number; threshold?: number } = {}): this {
    return this.#map("softplus", (b, x) => library.softplus(b, x, options));
  }
  /** max(x, 0), with derivative 0 at 0. */
  relu(): this {
    return this.#map("relu", library.relu);
  }
  leakyRelu(slope = 0.01): this {
    return this.#map("leakyRelu", (b, x) => library.leakyRelu(b, x, slope));
  }
  elu(alpha = 1): this {
    return this.#map("elu", (b, x) => library.elu(b, x, alpha));
  }
  /** x Φ(x); `approximate: true` takes Φ from tanh. */
  gelu(options: { approximate?: boolean } = {}): this {
    return this.#map("gelu", (b, x) => library.gelu(b, x, options.approximate));
  }
  /** x · sigmoid(x), also called swish. */
  silu(): this {
    return this.#map("silu", (b, x) => library.silu(b, x));
  }
  mish(): this {
    return this.#map("mish", library.mish);
  }
  softsign(): this {
    return this.#map("softsign", library.softsign);
  }
  /** Into [min, max]; the derivative at a bound is 1. */
  clip(min: Operand, max: Operand): this {
    if (typeof min === "number" && typeof max === "number")
      return this.#map("clip", (b, x) => library.clip(b, x, { min, max }));
    return valueOf("clip", [this, min, max], (b, [x, low, high]) => {
      const node = x as Node;
      return library.clipBetween(b, node, {
        min: b.broadcast(low as Node, node.shape),
        max: b.broadcast(high as Node, node.shape),
      });
    }) as unknown as this;
  }
  /** The value passes; its derivative is zero. */
  stopGradient(): this {
    return this.#map("stopGradient", (b, x) => b.stopGradient(x));
  }

  // Functions along an axis.

  softmax(options: { axis?: number } = {}): this {
    return this.#map("softmax", (b, x) =>
      library.softmax(b, x, axisOf("softmax", x.shape, options.axis ?? -1)),
    );
  }
  logSoftmax(options: { axis?: number } = {}): this {
    return this.#map("logSoftmax", (b, x) =>
      library.logSoftmax(b, x, axisOf("logSoftmax", x.shape, options.axis ?? -1)),
    );
  }
  /** (x − mean) / √(variance + ε) over `axis` (the last by default), then scaled and shifted. */
  layerNorm(options: NormaliseOptions = {}): this {
    const { axis = -1, epsilon = 1e-5 } = options;
    const normal = this.#map("layerNorm", (b, x) =>
      library.layerNorm(b, x, { axes: axesOf("layerNorm", x.shape, { axis }), epsilon }),
    );
    return scaled(normal, options);
  }
  /** x / √(mean x² + ε) over `axis` (the last by default), then scaled and shifted. */
  rmsNorm(options: NormaliseOptions = {}): this {
    const { axis = -1, epsilon = 1e-5 } = options;
    const normal = this.#map("rmsNorm", (b, x) =>
      library.rmsNorm(b, x, { axes: axesOf("rmsNorm", x.shape, { axis }), epsilon }),
    );
    return scaled(normal, options);
  }
  /** Running sums along an axis (the first by default). */
  cumsum(options: { axis?: number } = {}): this {
    return this.#map("cumsum", (b, x) => reductions.cumsum(b, x, options.axis ?? 0));
  }

  // Reductions: over all axes, or over `{ axis }`.

  sum<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("sum", (b, x) => reductions.sum(b, x, over));
  }
  mean<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("mean", (b, x) => reductions.mean(b, x, over));
  }
  prod<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("prod", (b, x) => reductions.prod(b, x, over));
  }
  max<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("max", (b, x) => reductions.max(b, x, over));
  }
  min<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("min", (b, x) => reductions.min(b, x, over));
  }
  logsumexp<O extends Over | undefined = undefined>(over?: O): Reduced<O> {
    return this.#reduced("logsumexp", (b, x) => reductions.logsumexp(b, x, over));
  }
  /** The 2-norm (derivative 0 at 0), or `{ order: 1 }`, `{ order: Infinity }`. */
  norm<O extends reductions.NormOptions | undefined = undefined>(options?: O): Reduced<O> {
    return this.#reduced("norm", (b, x) => reductions.norm(b, x, options));
  }
  variance<O extends reductions.VarianceOptions | undefined = undefined>(options?: O): Reduced<O> {
    return this.#reduced("variance", (b, x) => reductions.variance(b, x, options));
  }
  std<O extends reductions.VarianceOptions | undefined = undefined>(options?: O): Reduced<O> {
    return this.#reduced("std", (b, x) => reductions.std(b, x, options));
  }

  // Products.

  /** numpy's `@`: of vectors the inner product, of matrices the matrix product, stacks broadcast. */
  matmul<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Matmul<A, ShapeOf<O>>> {
    return valueOf("matmul", [this, other], (b, [x, y]) => products.matmul(b, x as Node, y as Node));
  }
  /** The inner product of two vectors; for matrices the same as matmul. */
  dot<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Matmul<A, ShapeOf<O>>> {
    return this.matmul(other);
  }
  /** x[i] · y[j] over all axes of both. */
  outer(other: Operand): Tensor {
    return valueOf("outer", [this, other], (b, [x, y]) => products.outer(b, x as Node, y as Node));
  }
  /** The cross product of 3-vectors along the last axis. */
  cross<A extends Shape, O extends Operand>(this: Value<A>, other: O): Tensor<Broadcast<A, ShapeOf<O>>> {
    return valueOf("cross", [this, other], (b, [x, y]) => products.cross(b, x as Node, y as Node));
  }

  // Movement.

  /** The entry at one index per leading axis; negative ones count from the end. */
  at<A extends Shape>(this: Value<A>, index: number): Item<A>;
  at(...index: number[]): Tensor;
  at(...index: number[]): Tensor {
    if (index[0] !== undefined) this.#noteRead(index[0]);
    return this.#reshaped("at", (b, x) =>
      index.reduce((node, i) => movement.entry(b, node, { index: i }), x),
    );
  }
  /** Entries start ≤ i < end of one axis (the first by default). */
  slice<A extends Shape>(
    this: Value<A>,
    start?: number,
    end?: number,
    options: movement.SliceOptions = {},
  ): Tensor<Sliced<A>> {
    return valueOf("slice", [this], (b, [x]) => movement.slice(b, x as Node, { start, end, ...options }));
  }
  /** The entries at `indices` along an axis; `indices` may be a value of the row, rounded towards 0 and kept in range; NaN takes NaN. */
  take(indices: readonly number[] | Value, options: { axis?: number } = {}): Tensor {
    const { axis = 0 } = options;
    if (!(indices instanceof Value))
      return this.#reshaped("take", (b, x) => movement.take(b, x, { indices, axis }));
    return valueOf("take", [this, indices], (b, [x, i]) =>
      movement.take(b, x as Node, { indices: i as Node, axis }),
    );
  }
  /** The same cells in another shape; one size may be −1. */
  reshape<const T extends Shape>(shape: T): Tensor<Open<T>> {
    return valueOf("reshape", [this], (b, [x]) => movement.reshape(b, x as Node, shape));
  }
  /** All cells in one row. */
  flatten(): Tensor<readonly [number]> {
    return valueOf("flatten", [this], (b, [x]) => movement.reshape(b, x as Node, [-1]));
  }
  /** Axes in another order, reversed by default. */
  transpose(order?: readonly number[]): Tensor {
    return this.#reshaped("transpose", (b, x) => movement.transpose(b, x, order));
  }
  /** Repeated to a shape, by numpy's rule. */
  broadcastTo<const T extends Shape>(shape: T): Tensor<T> {
    return valueOf("broadcastTo", [this], (b, [x]) => b.broadcast(x as Node, shape));
  }
  /** Without one axis of size 1, or without all of them. */
  squeeze(options: { axis?: number } = {}): Tensor {
    return this.#reshaped("squeeze", (b, x) => movement.squeeze(b, x, options.axis));
  }
  /** With a new axis of size 1 before `axis`; −1 puts it last. */
  unsqueeze(axis: number): Tensor {
    return this.#reshaped("unsqueeze", (b, x) => movement.unsqueeze(b, x, axis));
  }
  /** The other way round along an axis (the first by default). */
  flip(options: { axis?: number } = {}): this {
    return this.#map("flip", (b, x) => movement.flip(b, x, options.axis ?? 0));
  }
  /** Moved `shift` places along an axis, around the end. */
  roll(shift: number, options: { axis?: number } = {}): this {
    return this.#map("roll", (b, x) => movement.roll(b, x, { shift, axis: options.axis ?? 0 }));
  }
  /** `value` (0 by default) before and after each axis: one pair of widths per axis. */
  pad(widths: readonly (readonly [number, number])[], value = 0): Tensor {
    return this.#reshaped("pad", (b, x) => movement.pad(b, x, { widths, value }));
  }
  /** The diagonal of the last two axes. */
  diagonal(): Tensor {
    return this.#reshaped("diagonal", movement.diagonal);
  }

  static {
    guardMethods(this.prototype, ["constructor", "entry", "at"]);
  }
}

/** Options of `layerNorm` and `rmsNorm`. */
export interface NormaliseOptions {
  /** The normalised axes, the last by default. */
  readonly axis?: number | readonly number[];
  /** Added under the root, 1e-5 by default. */
  readonly epsilon?: number;
  /** Factor, broadcast. */
  readonly scale?: Operand;
  /** Summand, broadcast. */
  readonly bias?: Operand;
}

/** A shape with −1 in it is not known to the compiler. */
type Open<T extends Shape> = -1 extends T[number] ? Shape : T;

function scaled<V extends Value>(value: V, { scale, bias }: NormaliseOptions): V {
  const product = scale === undefined ? value : value.mul(scale);
  return (bias === undefined ? product : product.add(bias)) as unknown as V;
}
