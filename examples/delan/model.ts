/**
 * The deep Lagrangian network: a mass matrix M(q) = L Lᵀ and a potential V(q) from one network, and the torques they imply.
 *
 * In: parameters and the angles, velocities and accelerations of one row. Out: traced values.
 */

import * as j from "../../src/index.ts";
import { jacobian, matmul, type Row, sub, type Tensor } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";

/** Angles, velocities and accelerations of two joints. */
export type State = { q: Row; v: Row; a: Row };

/** Two hidden layers of 64: from sines and cosines of the angles to L's three entries and V. */
export const lagrangianNetwork = (): nn.DifferentialNetwork =>
  nn.differentialNetwork({ inputs: 4, outputs: 4, width: 64, depth: 2, seed: 1 });
const net = lagrangianNetwork();

/** The mass matrix and the potential energy at angles q; the network reads sines and cosines, which a turn repeats. */
export function energies(parameters: nn.OperandTree, q: Row): { mass: Tensor; potential: Tensor } {
  const y = net.value(parameters, j.concat([q.sin(), q.cos()]));
  const lower = j.stack([
    j.stack([j.softplus(y.at(0)), j.mul(y.at(0), 0)]),
    j.stack([y.at(1), j.softplus(y.at(2))]),
  ]);
  return { mass: matmul(lower, lower.transpose()), potential: j.mul(y.at(3), 10) };
}

/** Inverse dynamics: M a + (∂(M v)/∂q) v − ∂(½ vᵀ M v)/∂q + ∂V/∂q. */
export function inverseDynamics(parameters: nn.OperandTree, { q, v, a }: State): Tensor {
  const { mass } = energies(parameters, q);
  const momentum = (z: Row): Tensor => matmul(energies(parameters, z).mass, v);
  const lagrangian = (z: Row): Tensor =>
    sub(j.mul(matmul(v, momentum(z)), 0.5), energies(parameters, z).potential);
  return sub(j.add(matmul(mass, a), matmul(jacobian(momentum)(q), v)), jacobian(lagrangian)(q));
}
