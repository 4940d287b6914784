/** Inverse dynamics of an arm by the recursive Newton-Euler algorithm, written out in scalars: long straight code of any length. */

import { add, concat, cos, mul, type Row, reshape, sin, sub, type Tensor } from "../../src/index.ts";
import { range } from "../../src/ir/shape.ts";

type Scalar = Tensor | number;
type Three = readonly [Scalar, Scalar, Scalar];

const ZERO: Three = [0, 0, 0];
const ALONG: Three = [0, 0.03, 0.4];

const plus = (...all: readonly Three[]): Three =>
  all.reduce((a, b): Three => [add(a[0], b[0]), add(a[1], b[1]), add(a[2], b[2])]);
const times = (s: Scalar, a: Three): Three => [mul(s, a[0]), mul(s, a[1]), mul(s, a[2])];
const cross = (a: Three, b: Three): Three => [
  sub(mul(a[1], b[2]), mul(a[2], b[1])),
  sub(mul(a[2], b[0]), mul(a[0], b[2])),
  sub(mul(a[0], b[1]), mul(a[1], b[0])),
];

/** What turns with w and dw moves a point at `arm` so. */
const swung = (w: Three, dw: Three, arm: Three): Three => plus(cross(dw, arm), cross(w, cross(w, arm)));

/** Joints turn about z and y by turns. */
const about = (joint: number, s: Scalar): Three => (joint % 2 === 0 ? [0, 0, s] : [0, s, 0]);

function turned(joint: number, [c, s]: readonly [Scalar, Scalar], u: Three): Three {
  return joint % 2 === 0
    ? [add(mul(c, u[0]), mul(s, u[1])), sub(mul(c, u[1]), mul(s, u[0])), u[2]]
    : [sub(mul(c, u[0]), mul(s, u[2])), u[1], add(mul(c, u[2]), mul(s, u[0]))];
}

const inertial = (u: Three): Three => [mul(0.03, u[0]), mul(0.04, u[1]), mul(0.01, u[2])];

/** Torques from angles, velocities and accelerations of so many joints, one after the other. */
export function newtonEuler(joints: number): (x: Row) => Tensor {
  return (x) => {
    const all = [...x];
    const [q, v, a] = range(3).map((part) => all.slice(part * joints, (part + 1) * joints));
    const rotations = (q as Tensor[]).map((angle) => [cos(angle), sin(angle)] as const);
    let [w, dw, dv]: [Three, Three, Three] = [ZERO, ZERO, [0, 0, 9.81]];
    const loads = rotations.map((rotation, joint) => {
      const own = (u: Three): Three => turned(joint, rotation, u);
      const spin = about(joint, (v as Tensor[])[joint] as Tensor);
      const base = own(w);
      dv = own(plus(dv, swung(w, dw, ALONG)));
      dw = plus(own(dw), cross(base, spin), about(joint, (a as Tensor[])[joint] as Tensor));
      w = plus(base, spin);
      const centre: Three = [0.01, 0.02 + 0.001 * joint, 0.2];
      const force = times(3, plus(dv, swung(w, dw, centre)));
      return { force, moment: plus(inertial(dw), cross(w, inertial(w)), cross(centre, force)) };
    });
    let [force, moment] = [ZERO, ZERO];
    const torques = [...loads.entries()].reverse().map(([joint, load]) => {
      const [c, s] = rotations[joint] as readonly [Tensor, Tensor];
      const whole = plus(load.moment, moment, cross(ALONG, force));
      const back = (u: Three): Three => turned(joint, [c, mul(-1, s)], u);
      [force, moment] = [back(plus(load.force, force)), back(whole)];
      return reshape(whole[joint % 2 === 0 ? 2 : 1] as Tensor, [1]);
    });
    return concat(torques.reverse());
  };
}
