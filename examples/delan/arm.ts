/**
 * A two-link arm in a vertical plane: its equations of motion, and motions to learn from.
 *
 * In: angles q, velocities v, accelerations a of both joints. Out: the torques M(q) a + C(q, v) v + g(q), by the textbook's
 * formulas for point masses at the ends of the links.
 */

const [M1, M2, L1, L2, GRAVITY] = [1, 0.8, 0.6, 0.5, 9.81];

/** The mass matrix [m₁₁, m₁₂, m₂₂]. */
export function massMatrix(q2: number): [number, number, number] {
  const bend = M2 * L1 * L2 * Math.cos(q2);
  const far = M2 * L2 * L2;
  return [(M1 + M2) * L1 * L1 + far + 2 * bend, far + bend, far];
}

/** The torques that give accelerations a. */
export function torques(q: readonly number[], v: readonly number[], a: readonly number[]): [number, number] {
  const [[q1 = 0, q2 = 0], [v1 = 0, v2 = 0], [a1 = 0, a2 = 0]] = [q, v, a];
  const [m11, m12, m22] = massMatrix(q2);
  const turn = M2 * L1 * L2 * Math.sin(q2);
  const hang = M2 * GRAVITY * L2 * Math.cos(q1 + q2);
  return [
    m11 * a1 + m12 * a2 - turn * (2 * v1 * v2 + v2 * v2) + (M1 + M2) * GRAVITY * L1 * Math.cos(q1) + hang,
    m12 * a1 + m22 * a2 + turn * v1 * v1 + hang,
  ];
}

/** Rows of (q, v, a) and the torques that go with them. */
export interface Motions {
  readonly q: { readonly data: Float32Array<ArrayBuffer>; readonly shape: readonly number[] };
  readonly v: Motions["q"];
  readonly a: Motions["q"];
  readonly torque: Motions["q"];
}

/** Motions from a list of states. */
export function motions(states: readonly (readonly [number[], number[], number[]])[]): Motions {
  const column = (of: (state: readonly [number[], number[], number[]]) => readonly number[]) => ({
    data: Float32Array.from(states.flatMap((state) => [...of(state)])),
    shape: [states.length, 2],
  });
  return {
    q: column(([q]) => q),
    v: column(([, v]) => v),
    a: column(([, , a]) => a),
    torque: column(([q, v, a]) => torques(q, v, a)),
  };
}
