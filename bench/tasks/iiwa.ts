/**
 * The geometric Jacobian of a KUKA LBR iiwa 14: 7 revolute joints, 6 × 7, end effector against base.
 *
 * Rows 0–2 are the velocity of the end effector by each joint's, rows 3–5 its angular velocity: the joints' axes. The links are the
 * arm's Denavit–Hartenberg parameters, all without offset along x.
 */

import { add, concat, cos, jacobian, mul, type Row, sin, stack, type Tensor } from "../../src/index.ts";

/** Metres along the joint's axis, and quarter turns of the next axis about x. */
export const LINKS = [
  { d: 0.36, turn: -1 },
  { d: 0, turn: 1 },
  { d: 0.42, turn: 1 },
  { d: 0, turn: -1 },
  { d: 0.4, turn: -1 },
  { d: 0, turn: 1 },
  { d: 0.126, turn: 0 },
] as const;

type Vector = Tensor | readonly [number, number, number];

/** The joints' axes, and where the end effector is. */
function chain(q: Row<7>): { axes: Vector[]; end: Tensor } {
  let [x, y, z]: [Vector, Vector, Vector] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  let end: Vector = [0, 0, 0];
  const angles = [...q];
  const axes = LINKS.map(({ d, turn }, joint) => {
    const axis = z;
    const [c, s] = [cos(angles[joint] as Tensor), sin(angles[joint] as Tensor)];
    end = add(end, mul(d, z));
    const along = add(mul(y, c), mul(-1, mul(x, s)));
    x = add(mul(x, c), mul(y, s));
    if (turn === 0) y = along;
    else [y, z] = [mul(turn, z), mul(-turn, along)];
    return axis;
  });
  return { axes, end: end as unknown as Tensor };
}

/** Where the end effector is. */
export function position(q: Row<7>): Tensor {
  return chain(q).end;
}

/** The 6 × 7 matrix, its upper half by differentiating the position. */
export function geometricJacobian(q: Row<7>): Tensor {
  const axes = chain(q).axes.map((axis) => mul(1, axis));
  return concat([jacobian(position)(q), stack(axes, { axis: 1 })]);
}

/** The same for one configuration in closed form, as plain JavaScript: axis × (end − joint), and the axis. */
export function plainJacobian(q: ArrayLike<number>): Float64Array {
  let [x, y, z] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ] as [number[], number[], number[]];
  let end = [0, 0, 0];
  const sum = (a: number[], b: number[], [s, t]: readonly [number, number]): number[] =>
    a.map((value, index) => s * value + t * (b[index] as number));
  const joints = LINKS.map(({ d, turn }, joint) => {
    const made = { axis: z, from: end };
    const [c, s] = [Math.cos(q[joint] as number), Math.sin(q[joint] as number)];
    end = sum(end, z, [1, d]);
    const along = sum(y, x, [c, -s]);
    x = sum(x, y, [c, s]);
    if (turn === 0) y = along;
    else [y, z] = [sum(z, z, [turn, 0]), sum(along, along, [-turn, 0])];
    return made;
  });
  const out = new Float64Array(42);
  joints.forEach(({ axis, from }, joint) => {
    const arm = sum(end, from, [1, -1]);
    for (let row = 0; row < 3; row++) {
      const [i, j] = [(row + 1) % 3, (row + 2) % 3];
      out[row * 7 + joint] =
        (axis[i] as number) * (arm[j] as number) - (axis[j] as number) * (arm[i] as number);
      out[(row + 3) * 7 + joint] = axis[row] as number;
    }
  });
  return out;
}
