/**
 * jax-js on its WebAssembly backend: row-wise Jacobians of the dense networks, in its best formulation.
 *
 * Its `jacrev` needs d_i = d_o and its `jacfwd` returns the transpose, so the batch is pushed through `jvp` once per input column
 * (forward) or pulled back by `vjp` once per output (reverse), under `jit`; the faster of the two counts.
 */

import type { Layer, Workload } from "../workloads.ts";

/** The parts of jax-js used here; the package is installed in bench/ only, so it has no types at the root. */
interface Tensor {
  readonly ref: Tensor;
  readonly shape: number[];
  add(other: Tensor): Tensor;
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<Tensor>;
  dispose(): void;
}
type Batch = (x: Tensor) => Tensor;
interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): unknown;
  jit(f: (...args: Tensor[]) => Tensor): (...args: Tensor[]) => Tensor;
  jvp(f: Batch, primals: Tensor[], tangents: Tensor[]): [Tensor, Tensor];
  vjp(f: Batch, primals: Tensor[]): [Tensor, (cotangent: Tensor) => Tensor[]];
  numpy: {
    array(data: Float32Array, options: { shape: number[]; dtype: string }): Tensor;
    matmul(a: Tensor, b: Tensor): Tensor;
    tanh(x: Tensor): Tensor;
    stack(parts: Tensor[], axis: number): Tensor;
  };
}

/** One way to compute Z; the result must be disposed. */
export interface Formulation {
  readonly name: string;
  readonly run: () => Promise<Tensor>;
}

/** Forward and reverse formulations of a workload. */
export async function jaxJsFormulations(
  workload: Workload,
  layers: readonly Layer[],
  rows: Float32Array,
): Promise<Formulation[]> {
  const packageName: string = "@jax-js/jax";
  const jax = (await import(packageName)) as Jax;
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const { numpy } = jax;
  const tensor = (data: Float32Array, shape: number[]): Tensor =>
    numpy.array(data, { shape, dtype: "float32" });
  const n = rows.length / workload.inputs;
  const parameters = layers.map(({ shape: [out, inner], weights, bias }) => ({
    weights: tensor(transposed(weights, [out, inner]), [inner, out]),
    bias: tensor(bias, [out]),
  }));
  const network: Batch = (x) =>
    parameters.reduce((value, { weights, bias }, index) => {
      const sum = numpy.matmul(value, weights.ref).add(bias.ref);
      return index < parameters.length - 1 ? numpy.tanh(sum) : sum;
    }, x);
  const x = tensor(rows, [n, workload.inputs]);
  const basis = (size: number): Tensor[] =>
    Array.from({ length: size }, (_, hot) =>
      tensor(
        Float32Array.from({ length: n * size }, (_, cell) => (cell % size === hot ? 1 : 0)),
        [n, size],
      ),
    );
  const forward = jax.jit((input, ...tangents) =>
    numpy.stack(
      tangents.map(
        (tangent, index) => jax.jvp(network, [index < tangents.length - 1 ? input.ref : input], [tangent])[1],
      ),
      2,
    ),
  );
  const columns = basis(workload.inputs);
  const reverse = jax.jit((input, ...cotangents) => {
    const parts = cotangents.map((cotangent, index) => {
      const [y, pull] = jax.vjp(network, [index < cotangents.length - 1 ? input.ref : input]);
      y.dispose();
      return pull(cotangent)[0] as Tensor;
    });
    return numpy.stack(parts, 1);
  });
  const units = basis(workload.outputs);
  const call = (f: (...args: Tensor[]) => Tensor, seeds: Tensor[]) => async (): Promise<Tensor> =>
    f(x.ref, ...seeds.map((seed) => seed.ref)).blockUntilReady();
  return [
    { name: "jax-js jvp per input", run: call(forward, columns) },
    { name: "jax-js vjp per output", run: call(reverse, units) },
  ];
}

function transposed(data: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  return Float32Array.from(
    { length: data.length },
    (_, cell) => data[(cell % rows) * columns + Math.floor(cell / rows)] as number,
  );
}
