/**
 * A deep Lagrangian network (Lutter et al., ICLR 2019): learns a two-link arm's mass matrix from torques alone.
 *
 * L(q, v) = ½ vᵀ M(q) v − V(q) with M = L Lᵀ from a softplus network; Euler and Lagrange give the torques d/dt ∂L/∂v − ∂L/∂q, which
 * are fitted. Out: errors on motions never seen, and out/delan.png: torques and the learned mass matrix against the truth.
 */

import { fileURLToPath } from "node:url";
import { type Row, rows, square, sub, sum } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { motions } from "./arm.ts";
import { energies, inverseDynamics, lagrangianNetwork, type State } from "./model.ts";
import { drawMotion } from "./picture.ts";

const net = lagrangianNetwork();
type Layers = typeof net.parameters;
type Motion = State & { torque: Row };

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
  rows: seen,
  batchRows: 512,
  epochs: Number(process.argv[2] ?? 150),
  optimiser: nn.adam({ rate: 3e-3 }),
  schedule: nn.cosineDecay({ end: 0.01 }),
  onEpoch: (report) => report.epoch % 20 === 0 && console.log(nn.progressLine(report)),
});

const { torque, ...motion } = unseen;
const found = await rows((given: State) => ({
  torque: inverseDynamics(parameters, given),
  mass: energies(parameters, given.q).mass,
}))(motion);
const error =
  torque.data.reduce((worst, value, i) => worst + (value - (found.torque.data[i] as number)) ** 2, 0) /
  torque.data.length;
console.log(`torques of an unseen motion: mean squared error ${error.toExponential(2)} N²m²`);
drawMotion(fileURLToPath(new URL("out/delan.png", import.meta.url)), unseen, {
  torque: found.torque.data,
  mass: found.mass.data,
});
