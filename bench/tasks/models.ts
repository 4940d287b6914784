/**
 * The workloads of the networks suite: convolutions, attention, small matrices and residual blocks, as functions of one row.
 *
 * Parameters are seeded, uniform in ±1/√fan-in, and equal in every peer (bench/peers/networks.py has the same functions).
 */

import {
  add,
  einsum,
  gelu,
  layerNorm,
  matmul,
  max,
  mean,
  mul,
  type Operand,
  type Row,
  reshape,
  softmax,
  type Tensor,
  tanh,
} from "../../src/index.ts";
import { convolve } from "../../src/nn.ts";
import { generator } from "../workloads.ts";

/** An array of weights. */
export interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** One function and its rows. */
export interface Model {
  readonly name: string;
  /** The function of networks.py that is the same. */
  readonly kind: string;
  readonly input: readonly number[];
  readonly rows: number;
  readonly weights: readonly Weights[];
  readonly forward: (x: Row) => Tensor;
}

type Shapes = Readonly<Record<string, readonly number[]>>;
type Given<S> = { readonly [name in keyof S]: Operand };

/** Weights of the shapes, and the function over them; fan-in is all but the first axis. */
function model<S extends Shapes>(
  about: Pick<Model, "name" | "kind" | "input" | "rows">,
  shapes: S,
  body: (x: Tensor, w: Given<S>) => Tensor,
): Model {
  const random = generator(about.name.length * 1000 + about.rows);
  const weights = Object.entries(shapes).map(([name, shape]): Weights => {
    const size = shape.reduce((product, length) => product * length, 1);
    const scale = 1 / Math.sqrt(Math.max(1, size / (shape[0] ?? 1)));
    return {
      name,
      shape,
      data: Float32Array.from({ length: size }, () => (2 * random() - 1) * scale),
    };
  });
  const given = Object.fromEntries(weights.map(({ name, shape, data }) => [name, { data, shape }]));
  return { ...about, weights, forward: (x) => body(reshape(x, [...about.input]), given as Given<S>) };
}

/** The largest of each 2 × 2 square. */
function pooled(x: Tensor): Tensor {
  const [channels, height, width] = x.shape as [number, number, number];
  return max(reshape(x, [channels, height / 2, 2, width / 2, 2]), { axis: [2, 4] });
}

/** 3 × 32 × 32 → 10 classes: three 3 × 3 convolutions, halved by pooling or by strides. */
function convolutional(kind: "relu-pool" | "tanh-stride", rows: number): Model {
  const shapes = {
    c0: [16, 3, 3, 3],
    b0: [16, 1, 1],
    c1: [32, 16, 3, 3],
    b1: [32, 1, 1],
    c2: [32, 32, 3, 3],
    b2: [32, 1, 1],
    head: [10, 2048],
    bias: [10],
  };
  const strided = kind === "tanh-stride";
  const about = { name: strided ? "cnn-tanh" : "cnn-relu", kind: `cnn_${strided ? "tanh" : "relu"}` };
  return model({ ...about, input: [3, 32, 32], rows }, shapes, (x, w) => {
    const layer = (h: Tensor, [kernel, bias]: readonly [Operand, Operand], halved: boolean): Tensor => {
      const z = add(convolve(h, kernel, { padding: 1, stride: halved && strided ? 2 : 1 }), bias);
      if (strided) return tanh(z);
      return halved ? pooled(z.relu()) : z.relu();
    };
    const h = layer(layer(layer(x, [w.c0, w.b0], true), [w.c1, w.b1], !strided), [w.c2, w.b2], strided);
    return add(matmul(w.head, h.flatten()), w.bias);
  });
}

/** Tokens of `width` numbers through self-attention and a feed-forward layer, each with a shortcut and a norm. */
function attention(size: {
  tokens: number;
  width: number;
  heads: number;
  pooled: boolean;
  rows: number;
}): Model {
  const { tokens, width, heads, rows } = size;
  const square = [width, width];
  const shapes = {
    q: square,
    k: square,
    v: square,
    o: square,
    up: [2 * width, width],
    down: [width, 2 * width],
    ...(size.pooled ? { head: [10, width] } : { head: [1] }),
  };
  const about = {
    name: size.pooled ? "attention-10" : "attention",
    kind: size.pooled ? "attention_pooled" : "attention",
  };
  return model({ ...about, input: [tokens, width], rows }, shapes, (x, w) => {
    const each = width / heads;
    const split = (weights: Operand): Tensor =>
      reshape(einsum("td,ed->te", x, weights), [tokens, heads, each]);
    const scores = einsum("thc,shc->hts", split(w.q), split(w.k));
    const weights = softmax(mul(scores, 1 / Math.sqrt(each)), { axis: -1 });
    const mixed = reshape(einsum("hts,shc->thc", weights, split(w.v)), [tokens, width]);
    const h = layerNorm(add(x, einsum("td,ed->te", mixed, w.o)));
    const up = gelu(einsum("td,ed->te", h, w.up));
    const y = layerNorm(add(h, einsum("td,ed->te", up, w.down)));
    return size.pooled ? matmul(w.head, mean(y, { axis: 0 })) : y;
  });
}

/** The product of `count` matrices of a row. */
function matrices(size: number, count: number, rows: number): Model {
  const about = { name: `matrices-${size}`, kind: "matrices", input: [count, size, size], rows };
  return model(about, {}, (x) => {
    let product = x.at(0);
    for (let index = 1; index < count; index++) product = matmul(product, x.at(index));
    return product;
  });
}

/** In → width, blocks of h + W tanh(V h), → out. */
function residual(size: { in: number; width: number; out: number; blocks: number; rows: number }): Model {
  const { width, blocks } = size;
  const shapes: Record<string, readonly number[]> = { first: [width, size.in] };
  for (let block = 0; block < blocks; block++) {
    shapes[`v${block}`] = [width, width];
    shapes[`w${block}`] = [width, width];
  }
  shapes.last = [size.out, width];
  const about = { name: "residual", kind: "residual", input: [size.in], rows: size.rows };
  return model(about, shapes, (x, w) => {
    let h = matmul(w.first as Operand, x);
    for (let block = 0; block < blocks; block++)
      h = add(h, matmul(w[`w${block}`] as Operand, tanh(matmul(w[`v${block}`] as Operand, h))));
    return matmul(w.last as Operand, h);
  });
}

/** All of them. */
export const models: readonly Model[] = [
  convolutional("relu-pool", 64),
  convolutional("tanh-stride", 64),
  attention({ tokens: 16, width: 64, heads: 4, pooled: false, rows: 4 }),
  attention({ tokens: 16, width: 64, heads: 4, pooled: true, rows: 64 }),
  matrices(8, 4, 1024),
  matrices(16, 3, 256),
  residual({ in: 16, width: 128, out: 8, blocks: 4, rows: 1024 }),
];
