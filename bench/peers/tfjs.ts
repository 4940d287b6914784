/**
 * TensorFlow.js on its WebAssembly backend: it has no Jacobian, so each output's sum over rows is differentiated by the
 * rows, once per output (rows do not interact, so the gradient of that sum is the output's Jacobian row).
 */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Layer, Workload } from "../workloads.ts";

/** The parts of TensorFlow.js used here; the package is installed in bench/ only, so it has no types at the root. */
interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  transpose(x: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  slice(x: Tensor, begin: number[], size: number[]): Tensor;
  sum(x: Tensor): Tensor;
  grad(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor;
  stack(parts: Tensor[], axis: number): Tensor;
  tidy(f: () => Tensor): Tensor;
}
interface Backend {
  setWasmPaths(folder: string): void;
}

/** All gradients of a workload, as (n, d_o, d_i); read to the end, so nothing is left to compute. */
export async function tensorFlowJacobian(
  workload: Workload,
  layers: readonly Layer[],
  rows: Float32Array,
): Promise<() => Promise<Float32Array>> {
  // The CommonJS builds: the modules do not load in Node.
  const require = createRequire(import.meta.url);
  const [core, backend]: readonly [string, string] = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"];
  const tf = require(core) as TensorFlow;
  const wasm = require(backend) as Backend;
  wasm.setWasmPaths(`${join(dirname(require.resolve(`${backend}/package.json`)), "dist")}/`);
  await tf.setBackend("wasm");
  await tf.ready();
  const parameters = layers.map(({ shape, weights, bias }) => ({
    weights: tf.transpose(tf.tensor(weights, shape)),
    bias: tf.tensor(bias, [shape[0]]),
  }));
  const n = rows.length / workload.inputs;
  const x = tf.tensor(rows, [n, workload.inputs]);
  const network = (input: Tensor): Tensor =>
    parameters.reduce((value, { weights, bias }, index) => {
      const sum = tf.add(tf.matMul(value, weights), bias);
      return index < parameters.length - 1 ? tf.tanh(sum) : sum;
    }, input);
  const outputs = Array.from({ length: workload.outputs }, (_, output) =>
    tf.grad((input) => tf.sum(tf.slice(network(input), [0, output], [n, 1]))),
  );
  return async () => {
    const jacobian = tf.tidy(() =>
      tf.stack(
        outputs.map((gradient) => gradient(x)),
        1,
      ),
    );
    const data = await jacobian.data();
    jacobian.dispose();
    return data;
  };
}
