/**
 * The training suite: epochs of a differential network on sin x, training steps and inverse dynamics of a deep Lagrangian
 * network, a Hessian, and value + Jacobian beside the value alone.
 */

import { motions } from "../../examples/delan/arm.ts";
import { inverseDynamics, lagrangianNetwork, type State } from "../../examples/delan/model.ts";
import { hessian, type Row, rows, square, sub, sum } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { timeSync } from "../measure.ts";
import { trainingPeers } from "../peers/training.ts";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";

type Layers = readonly nn.LayerOf<nn.Parameter>[];
type Sample = { x: Row; y: Row; slope: Row };

/** Runs the suite. */
export async function training(report: Report, settings: Settings): Promise<void> {
  const add = (workload: string, metrics: Readonly<Record<string, number>>): void =>
    report.add(
      { suite: "training", workload, subject: "jacrow", device: "wasm", dtype: "f32", threads: 1 },
      metrics,
    );
  for (const activation of ["softplus", "tanh", "cosine"] as const)
    add(`1-128-1 ${activation}, f and ∂f, 25600 rows`, await sineEpoch(activation));
  add("DeLaN 2×64, training step, n = 512", await lagrangianStep());
  add("DeLaN 2×64, inverse dynamics, n = 1", oneTorque());
  add("3-64-64-2, Hessian, n = 4096", ofHessian());
  add("3-64-64-2, value and Jacobian / value, n = 4096", ofValue());
  if (settings.python !== undefined) trainingPeers(report, settings.python);
}

/** Milliseconds between two reports, the median. */
async function perEpoch<P extends nn.ParameterTree, R extends nn.RowValues>(
  options: nn.TrainOptions<P, R>,
): Promise<number> {
  const seconds: number[] = [];
  await nn.train<P, R>({ ...options, onEpoch: (epoch) => seconds.push(epoch.seconds) });
  const gaps = seconds.slice(1).map((value, i) => (value - (seconds[i] as number)) * 1e3);
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? Number.NaN;
}

const random = new nn.Random(1);
const uniform = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, () => Math.PI * (2 * random.uniform() - 1));

async function sineEpoch(activation: nn.ActivationName): Promise<Record<string, number>> {
  const net = nn.differentialNetwork({ inputs: 1, outputs: 1, width: 128, activation });
  const x = uniform(25600);
  const ms = await perEpoch<Layers, Sample>({
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
    epochs: 12,
    optimiser: nn.adam({ amsgrad: true, decay: 1e-6 }),
  });
  return { ms_per_epoch: ms, us_per_step: ms * 10 };
}

async function lagrangianStep(): Promise<Record<string, number>> {
  const state = (): number[] => Array.from(uniform(2));
  const { parameters } = lagrangianNetwork();
  const ms = await perEpoch<Layers, State & { torque: Row }>({
    parameters,
    loss: (own, { torque, ...at }) => sum(square(sub(inverseDynamics(own, at), torque))),
    rows: motions(Array.from({ length: 512 }, () => [state(), state(), state()])),
    batchRows: 512,
    epochs: 100,
  });
  return { us_per_step: ms * 1e3 };
}

function oneTorque(): Record<string, number> {
  const { parameters } = lagrangianNetwork();
  const torque = rows((state: State) => inverseDynamics(parameters, state));
  const bound = torque.bind({ n: 1, inputs: { q: [2], v: [2], a: [2] }, dtype: "f32" });
  for (const view of Object.values(bound.inputs)) view.data.set([0.3, -0.7]);
  const { median, minimum, p999 } = timeSync(() => bound.run());
  return { us_per_call: median * 1e3, min_us: minimum * 1e3, p999_us: p999 * 1e3 };
}

const net = nn.differentialNetwork({ inputs: 3, outputs: 2, width: 64, depth: 2, activation: "tanh" });
const value = (x: Row) => net.value(net.parameters, x);

function milliseconds(g: (x: Row) => unknown): number {
  const map = rows(g as (x: Row) => Row);
  const bound = map.bind({ n: 4096, inputs: [3], dtype: "f32" });
  bound.inputs.data.set(uniform(4096 * 3));
  return timeSync(() => bound.run(), { budget: 600, most: 200 }).median;
}

function ofHessian(): Record<string, number> {
  return { ms: milliseconds((x) => hessian(value)(x)) };
}

function ofValue(): Record<string, number> {
  const alone = milliseconds(value);
  const both = milliseconds((x) => net.apply(net.parameters, x));
  return { value_ms: alone, both_ms: both, ratio: both / alone };
}
