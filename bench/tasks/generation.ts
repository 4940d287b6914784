/**
 * Models whose length can be doubled: what the time from a function to code is measured on, and how it grows.
 *
 * Recurrent cells in loops and written out, an arm's dynamics in scalars, layers, attention, random formulas.
 */

import {
  add,
  concat,
  einsum,
  gelu,
  layerNorm,
  matmul,
  mul,
  type Operand,
  type Row,
  reshape,
  scan,
  sigmoid,
  softmax,
  sub,
  type Tensor,
  tanh,
} from "../../src/index.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { AnyFunction } from "../../src/trace/trace.ts";
import { generator } from "../workloads.ts";
import { newtonEuler } from "./newton-euler.ts";

/** A model of some length: a function of one row, and the numbers of a row. */
export interface Sized {
  readonly f: AnyFunction;
  readonly inputs: number;
}

/** Uniform in ±1/√fan-in, equal for equal sizes. */
function weights(out: number, fanIn: number): Operand {
  const random = generator(out * 1000 + fanIn);
  const data = Float32Array.from({ length: out * fanIn }, () => (2 * random() - 1) / Math.sqrt(fanIn));
  return { data, shape: [out, fanIn] };
}

type State = { h: Tensor; c: Tensor };
type Cell = (width: number) => (state: State, x: Tensor) => State;

const INPUTS = 4;

const gru: Cell = (width) => {
  const w = weights(width, width + INPUTS);
  return ({ h, c }, x) => {
    const both = concat([h, x]);
    const [update, reset] = [sigmoid(matmul(w, both)), sigmoid(mul(0.9, matmul(w, both)))];
    const fresh = tanh(matmul(w, concat([mul(reset, h), x])));
    return { h: add(mul(update, h), mul(sub(1, update), fresh)), c };
  };
};

const lstm: Cell = (width) => {
  const w = weights(4 * width, width + INPUTS);
  return ({ h, c }, x) => {
    const gates = matmul(w, concat([h, x]));
    const gate = (index: number): Tensor => gates.slice(index * width, (index + 1) * width);
    const next = add(mul(sigmoid(gate(0)), c), mul(sigmoid(gate(1)), tanh(gate(2))));
    return { h: mul(sigmoid(gate(3)), tanh(next)), c: next };
  };
};

/** A recurrent cell over so many steps, to its last state; `scan` or written out. */
function recurrent(cell: Cell, { width, loop }: { width: number; loop: boolean }): (steps: number) => Sized {
  const step = cell(width);
  const f =
    (steps: number): AnyFunction =>
    (x: Row) => {
      const xs = reshape(x, [steps, INPUTS]);
      const zeros = mul(0, add(x.at(0), new Array<number>(width).fill(0)));
      const start: State = { h: zeros, c: zeros };
      if (loop) return scan((state: State, each: Tensor) => [step(state, each)], start, xs)[0].h;
      return range(steps).reduce((state, index) => step(state, xs.at(index)), start).h;
    };
  return (steps) => ({ f: f(steps), inputs: steps * INPUTS });
}

/** tanh layers of 64. */
function layers(depth: number): Sized {
  const hidden = range(depth).map(() => weights(64, 64));
  const f = (x: Row): Tensor =>
    matmul(
      weights(8, 64),
      [weights(64, 8), ...hidden].reduce<Tensor>((h, w) => tanh(matmul(w, h)), x),
    );
  return { f, inputs: 8 };
}

/** Blocks of attention and a feed-forward layer over 8 tokens of 16 numbers. */
function transformer(blocks: number): Sized {
  const [tokens, width] = [8, 16];
  const [q, k, v] = range(3).map(() => weights(width, width)) as [Operand, Operand, Operand];
  const [up, down] = [weights(2 * width, width), weights(width, 2 * width)];
  const of = (w: Operand, z: Tensor): Tensor => einsum("td,ed->te", z, w);
  const block = (x: Tensor): Tensor => {
    const scores = softmax(mul(einsum("tc,sc->ts", of(q, x), of(k, x)), 0.25), { axis: -1 });
    const h = layerNorm(add(x, einsum("ts,sc->tc", scores, of(v, x))));
    return layerNorm(add(h, of(down, gelu(of(up, h)))));
  };
  const f = (x: Row): Tensor => {
    const h = range(blocks).reduce<Tensor>(block, reshape(x, [tokens, width]));
    return matmul(weights(4, tokens * width), h.flatten());
  };
  return { f, inputs: tokens * width };
}

/** Families of models, each with the lengths that are measured. */
export const families: readonly {
  readonly name: string;
  readonly lengths: readonly number[];
  readonly of: (length: number) => Sized;
}[] = [
  { name: "GRU 32, scan", lengths: [10, 100, 1000], of: recurrent(gru, { width: 32, loop: true }) },
  { name: "LSTM 32, scan", lengths: [10, 100, 1000], of: recurrent(lstm, { width: 32, loop: true }) },
  { name: "GRU 4, scan", lengths: [10, 100, 1000], of: recurrent(gru, { width: 4, loop: true }) },
  { name: "LSTM 32, written out", lengths: [80, 160, 320], of: recurrent(lstm, { width: 32, loop: false }) },
  {
    name: "Newton-Euler, joints",
    lengths: [7, 14],
    of: (joints) => ({ f: newtonEuler(joints), inputs: 3 * joints }),
  },
  { name: "tanh layers of 64", lengths: [16, 32, 64], of: layers },
  { name: "attention blocks", lengths: [4, 8, 16], of: transformer },
];

/** The model of a family. */
export const sized = (name: string, length: number): Sized =>
  at(
    families.filter((family) => family.name === name),
    0,
  ).of(length);
