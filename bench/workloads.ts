/**
 * The workloads of the dense suite: tanh networks with seeded weights and rows, equal in every peer.
 *
 * Weights are uniform in ±1/√fan-in; `forward` is the network as a function of one row for jacrow.
 */

import { add, matmul, type Row, tanh } from "../src/index.ts";

/** One network and its rows. */
export interface Workload {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly width: number;
  readonly depth: number;
  readonly rows: number;
}

const network = (
  name: string,
  [inputs, outputs, width, depth, rows]: readonly [number, number, number, number, number],
): Workload => ({
  name,
  inputs,
  outputs,
  width,
  depth,
  rows,
});

export const workloads: readonly Workload[] = [
  network("B1", [3, 5, 64, 1, 128]),
  network("B2", [8, 4, 64, 2, 4096]),
  network("B3", [32, 16, 256, 3, 1024]),
  network("B4", [1, 1, 128, 1, 25600]),
  network("B5", [7, 7, 512, 3, 512]),
];

/** One layer: weights (out, in) row-major, bias (out). */
export interface Layer {
  readonly shape: readonly [number, number];
  readonly weights: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/** A small seeded generator (mulberry32): numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The layers of a workload's network. */
export function layersOf({ inputs, outputs, width, depth }: Workload): Layer[] {
  const random = generator(inputs * 1000 + width);
  const sizes = [inputs, ...Array.from({ length: depth }, () => width), outputs];
  return sizes.slice(1).map((out, index) => {
    const fanIn = sizes[index] as number;
    const uniform = (): number => (2 * random() - 1) / Math.sqrt(fanIn);
    return {
      shape: [out, fanIn],
      weights: Float32Array.from({ length: out * fanIn }, uniform),
      bias: Float32Array.from({ length: out }, uniform),
    };
  });
}

/** n rows in [−1, 1). */
export function rowsOf({ inputs, rows }: Workload, n: number = rows): Float32Array<ArrayBuffer> {
  const random = generator(7);
  return Float32Array.from({ length: n * inputs }, () => 2 * random() - 1);
}

/** The network as a function of one row. */
export function forward(layers: readonly Layer[]): (x: Row) => Row {
  return (x) => {
    let value = x;
    for (const [index, { shape, weights, bias }] of layers.entries()) {
      const sum = add(matmul({ data: weights, shape }, value), { data: bias, shape: [shape[0]] });
      value = (index < layers.length - 1 ? tanh(sum) : sum).flatten();
    }
    return value;
  };
}

/** Floating-point operations per row of the cheaper pure mode, value included: what "useful" GFLOP/s counts. */
export function flopsPerRow(workload: Workload): number {
  const { inputs, outputs, width, depth } = workload;
  const value = 2 * (inputs * width + (depth - 1) * width * width + width * outputs);
  const middle = (depth - 1) * width * width;
  const forwardMode = inputs * (middle + width * outputs);
  const reverseMode = outputs * (middle + width * inputs);
  return value + 2 * Math.min(forwardMode, reverseMode);
}
