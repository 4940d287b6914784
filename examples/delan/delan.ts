/**
 * A deep Lagrangian network (Lutter et al., ICLR 2019): learns a two-link arm's mass matrix from torques alone.
 *
 * L(q, v) = ½ vᵀ M(q) v − V(q) with M = L Lᵀ + ε from a network; Euler and Lagrange give the torques d/dt ∂L/∂v − ∂L/∂q, which
 * are fitted. Out: errors on motions never seen, and out/delan.png: torques and the learned mass matrix against the truth.
 */

import { fileURLToPath } from "node:url";
import type { Tensor } from "../../src/index.ts";
import {
  add,
  concat,
  hessian,
  jacobian,
  matmul,
  mul,
  type Row,
  rows,
  softplus,
  square,
  stack,
  sub,
  sum,
} from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { palette, plotPanels, writePicture } from "../shared/plot.ts";
import { massMatrix, motions } from "./arm.ts";

const net = nn.differentialNetwork({
  inputs: 4,
  outputs: 4,
  width: 64,
  depth: 2,
  activation: "softplus",
  seed: 1,
});
type Layers = typeof net.parameters;
type Motion = { q: Row; v: Row; a: Row; torque: Row };

/** The mass matrix and the potential energy at angles q; the network reads sines and cosines, which a turn repeats. */
function energies(parameters: nn.OperandTree, q: Row): { mass: Tensor; potential: Tensor } {
  const y = net.value(parameters, concat([q.sin(), q.cos()]));
  const lower = stack([stack([softplus(y.at(0)), mul(y.at(0), 0)]), stack([y.at(1), softplus(y.at(2))])]);
  return {
    mass: add(matmul(lower, lower.transpose()), [
      [1e-3, 0],
      [0, 1e-3],
    ]),
    potential: mul(y.at(3), 10),
  };
}

/** Inverse dynamics: M a + (∂(M v)/∂q) v − ∂(½ vᵀ M v)/∂q + ∂V/∂q. */
function inverseDynamics(parameters: nn.OperandTree, { q, v, a }: Omit<Motion, "torque">): Tensor {
  const { mass } = energies(parameters, q);
  const momentum = (z: Row): Tensor => matmul(energies(parameters, z).mass, v);
  const lagrangian = (z: Row): Tensor =>
    sub(mul(matmul(v, momentum(z)), 0.5), energies(parameters, z).potential);
  return sub(add(matmul(mass, a), matmul(jacobian(momentum)(q), v)), jacobian(lagrangian)(q));
}
void hessian;

const random = new nn.Random(3);
const three = (scale: number) => [scale * (2 * random.uniform() - 1), scale * (2 * random.uniform() - 1)];
const seen = motions(Array.from({ length: 8192 }, () => [three(Math.PI), three(3), three(6)]));
const times = Float64Array.from({ length: 400 }, (_, i) => i / 80);
const unseen = motions(
  Array.from(times, (t) => [
    [1.2 * Math.sin(2 * t), 0.5 + Math.cos(3 * t)],
    [2.4 * Math.cos(2 * t), -3 * Math.sin(3 * t)],
    [-4.8 * Math.sin(2 * t), -9 * Math.cos(3 * t)],
  ]),
);

const { parameters } = await nn.train<Layers, Motion>({
  loss: (p, { torque, ...motion }) => sum(square(sub(inverseDynamics(p, motion), torque))),
  parameters: net.parameters,
  rows: seen as never,
  batchRows: 512,
  epochs: Number(process.argv[2] ?? 100),
  optimiser: nn.adam({ rate: 3e-3 }),
  schedule: nn.cosineDecay({ end: 0.01 }),
  onEpoch: (report) => report.epoch % 20 === 0 && console.log(nn.progressLine(report)),
});

const { torque, ...motion } = unseen;
const found = await rows((given: Omit<Motion, "torque">) => ({
  torque: inverseDynamics(parameters, given),
  mass: energies(parameters, given.q).mass,
}))(motion as never);
const error =
  torque.data.reduce((worst, value, i) => worst + (value - (found.torque.data[i] as number)) ** 2, 0) /
  torque.data.length;
console.log(`torques of an unseen motion: mean squared error ${error.toExponential(2)} N²m²`);
const every = (values: ArrayLike<number>, step: number, first: number) =>
  Float64Array.from(times, (_, i) => values[step * i + first] as number);
const panel = (title: string, truth: ArrayLike<number>, learned: ArrayLike<number>) => ({
  title,
  curves: [
    { x: times, y: learned, colour: palette.orange, label: "learned" },
    { x: times, y: truth, colour: palette.ink, label: "truth" },
  ],
});
const masses = Array.from(times, (_, i) => massMatrix(unseen.q.data[2 * i + 1] as number));
const panels = [0, 1].map((k) =>
  panel(`torque ${k + 1}`, every(torque.data, 2, k), every(found.torque.data, 2, k)),
);
const entries = [0, 1, 2].map((k) =>
  panel(
    ["m11", "m12", "m22"][k] as string,
    masses.map((m) => m[k] as number),
    every(found.mass.data, 4, [0, 1, 3][k] as number),
  ),
);
writePicture(
  fileURLToPath(new URL("out/delan.png", import.meta.url)),
  plotPanels("Deep Lagrangian network: an unseen motion of a two-link arm", [...panels, ...entries], 3),
);
