/**
 * The training suite: epochs of a differential network on sin x, training steps and inverse dynamics of a deep Lagrangian
 * network, a Hessian, and value + Jacobian beside the value alone.
 */

import { motions } from "../../examples/delan/arm.ts";
import { inverseDynamics, lagrangianNetwork, type State } from "../../examples/delan/model.ts";
import "../../src/node.ts";
import { hessian, type Row, rows, square, sub, sum } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { registeredDevice } from "../../src/runtime/devices.ts";
import { summarize, timeSync } from "../measure.ts";
import { trainingPeers } from "../peers/training.ts";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";

type Layers = readonly nn.LayerOf<nn.Parameter>[];
type Sample = { x: Row; y: Row; slope: Row };

/** Runs the suite on one thread: WebAssembly, native code where it can be had, then the peers. */
export async function training(report: Report, settings: Settings): Promise<void> {
  const devices =
    registeredDevice("native")?.obstacle() === undefined
      ? (["wasm", "native"] as const)
      : (["wasm"] as const);
  for (const device of devices) {
    const add = (workload: string, metrics: Metrics): void =>
      report.add(
        { suite: "training", workload, subject: "jacrow", device, dtype: "f32", threads: 1 },
        metrics,
      );
    for (const activation of ["softplus", "tanh", "cosine"] as const)
      add(`1-128-1 ${activation}, f and ∂f, 25600 rows`, await sineEpoch(activation, device));
    add("DeLaN 2×64, training step, n = 512", await lagrangianStep(device));
    add("DeLaN 2×64, inverse dynamics, n = 1", oneTorque(device));
    add("3-64-64-2, Hessian, n = 4096", ofHessian(device));
    add("3-64-64-2, value and Jacobian / value, n = 4096", ofValue(device));
  }
  if (settings.python !== undefined) trainingPeers(report, settings.python);
}

type Device = "wasm" | "native";
type Metrics = Readonly<Record<string, number>>;

/** Milliseconds between two reports: the median and the least. */
async function perEpoch<P extends nn.ParameterTree, R extends nn.RowValues>(
  options: nn.TrainOptions<P, R>,
): Promise<{ median: number; minimum: number }> {
  const times: number[] = [];
  await nn.train<P, R>({ ...options, onEpoch: () => times.push(performance.now()) });
  return summarize(times.slice(1).map((value, i) => value - (times[i] as number)));
}

const random = new nn.Random(1);
const uniform = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, () => Math.PI * (2 * random.uniform() - 1));

async function sineEpoch(activation: nn.ActivationName, device: Device): Promise<Metrics> {
  const net = nn.differentialNetwork({ inputs: 1, outputs: 1, width: 128, activation });
  const x = uniform(25600);
  const { median, minimum } = await perEpoch<Layers, Sample>({
    device,
    parameters: net.parameters,
    loss: (parameters, { x: at, y, slope }) => {
      const { value, jacobian } = net.apply(parameters, at);
      return sum(square(sub(value, y))).add(sum(square(sub(jacobian, slope))));
    },
    rows: {
      x: { data: x, shape: [25600, 1] },
      y: { data: x.map(Math.sin), shape: [25600, 1] },
      slope: { data: x.map(Math.cos), shape: [25600, 1, 1] },
    },
    epochs: 20,
    optimiser: nn.adam({ amsgrad: true, decay: 1e-6 }),
  });
  return { ms_per_epoch: median, min_ms: minimum, us_per_step: median * 10 };
}

async function lagrangianStep(device: Device): Promise<Metrics> {
  const state = (): number[] => Array.from(uniform(2));
  const { parameters } = lagrangianNetwork();
  const { median, minimum } = await perEpoch<Layers, State & { torque: Row }>({
    device,
    parameters,
    loss: (own, { torque, ...at }) => sum(square(sub(inverseDynamics(own, at), torque))),
    rows: motions(Array.from({ length: 512 }, () => [state(), state(), state()])),
    batchRows: 512,
    epochs: 300,
  });
  return { us_per_step: median * 1e3, min_us: minimum * 1e3 };
}

function oneTorque(device: Device): Metrics {
  const { parameters } = lagrangianNetwork();
  const torque = rows((state: State) => inverseDynamics(parameters, state), { device });
  const bound = torque.bind({ n: 1, inputs: { q: [2], v: [2], a: [2] }, dtype: "f32" });
  for (const view of Object.values(bound.inputs)) view.data.set([0.3, -0.7]);
  const { median, minimum, p999 } = timeSync(() => bound.run());
  return { us_per_call: median * 1e3, min_us: minimum * 1e3, p999_us: p999 * 1e3 };
}

const net = nn.differentialNetwork({ inputs: 3, outputs: 2, width: 64, depth: 2, activation: "tanh" });
const value = (x: Row) => net.value(net.parameters, x);

function timed(g: (x: Row) => unknown, device: Device): { median: number; minimum: number; counted: number } {
  const map = rows(g as (x: Row) => Row, { device });
  const bound = map.bind({ n: 4096, inputs: [3], dtype: "f32" });
  bound.inputs.data.set(uniform(4096 * 3));
  const counts = [...map.explain().matchAll(/(\d+) (?:multiplications|additions|functions)/g)];
  const [products = 0, sums = 0, functions = 0] = counts.map(([, count]) => Number(count));
  const { median, minimum } = timeSync(() => bound.run(), { budget: 600, most: 200 });
  return { median, minimum, counted: products + sums + FUNCTION * functions };
}

/** Operations that a tanh takes, roughly: 12 multiply-adds and a division. */
const FUNCTION = 29;

function ofHessian(device: Device): Metrics {
  const { median, minimum } = timed((x) => hessian(value)(x), device);
  return { ms: median, min_ms: minimum };
}

function ofValue(device: Device): Metrics {
  const alone = timed(value, device);
  const both = timed((x) => net.apply(net.parameters, x), device);
  const counted = both.counted / alone.counted;
  return { value_ms: alone.minimum, both_ms: both.minimum, ratio: both.minimum / alone.minimum, counted };
}
