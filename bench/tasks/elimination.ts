/**
 * The scalar elimination tasks of the literature: RoeFlux_1d, RobotArm_6DOF, HumanHeartDipole.
 *
 * Written once over an abstract arithmetic, with the published order of operations and repeated sub-expressions, so that
 * one text gives both the row program and the graph as written (no sharing) that the paper's rule counts on.
 */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";

/** The operations the tasks need; every call is one vertex of the graph as written. */
export interface Arithmetic<T> {
  add(x: T, y: T): T;
  sub(x: T, y: T): T;
  mul(x: T, y: T): T;
  div(x: T, y: T): T;
  atan2(y: T, x: T): T;
  /** c·x, x + c, c − x: one vertex with one edge. */
  scale(c: number, x: T): T;
  shift(x: T, c: number): T;
  from(c: number, x: T): T;
  square(x: T): T;
  sqrt(x: T): T;
  abs(x: T): T;
  sin(x: T): T;
  cos(x: T): T;
  neg(x: T): T;
}

/** One task: sizes, a physical point, and the function. */
export interface EliminationTask {
  readonly name: string;
  readonly inputs: number;
  readonly point: readonly number[];
  readonly run: <T>(a: Arithmetic<T>, x: readonly T[]) => T[];
}

const GAMMA = 1.4;

interface State<T> {
  readonly pressure: T;
  readonly enthalpy: T;
  readonly velocity: T;
}

function stateOf<T>(a: Arithmetic<T>, [density, momentum, energy]: readonly [T, T, T]): State<T> {
  const kinetic = a.div(a.scale(0.5, a.square(momentum)), density);
  const pressure = a.scale(GAMMA - 1, a.sub(energy, kinetic));
  return {
    pressure,
    enthalpy: a.div(a.add(energy, pressure), density),
    velocity: a.div(momentum, density),
  };
}

function fluxOf<T>(
  a: Arithmetic<T>,
  [density, momentum, energy]: readonly [T, T, T],
  pressure: T,
): [T, T, T] {
  const velocity = a.div(momentum, density);
  return [momentum, a.add(pressure, a.mul(momentum, velocity)), a.mul(velocity, a.add(pressure, energy))];
}

function roeFlux<T>(a: Arithmetic<T>, x: readonly T[]): T[] {
  const [l, r] = [x.slice(0, 3) as [T, T, T], x.slice(3) as [T, T, T]];
  const [left, right] = [stateOf(a, l), stateOf(a, r)];
  const du0 = a.sub(r[0], l[0]);
  const root = a.sqrt(a.mul(l[0], r[0]));
  const w1 = a.add(a.sqrt(l[0]), a.sqrt(r[0]));
  const dp = a.sub(right.pressure, left.pressure);
  const dv = a.sub(right.velocity, left.velocity);
  const mean = (p: T, q: T): T => a.div(a.add(a.mul(a.sqrt(l[0]), p), a.mul(a.sqrt(r[0]), q)), w1);
  const u = mean(left.velocity, right.velocity);
  const h = mean(left.enthalpy, right.enthalpy);
  const q2 = a.square(u);
  const a2 = a.scale(GAMMA - 1, a.sub(h, a.scale(0.5, q2)));
  const sound = a.sqrt(a2);
  const speeds = [a.abs(a.add(u, sound)), a.abs(u), a.abs(u)] as const;
  const n = a.mul(sound, root);
  const c0 = a.mul(a.sub(du0, a.div(dp, a2)), speeds[1]);
  const c1 = a.mul(a.add(dv, a.div(dp, n)), speeds[0]);
  const c2 = a.mul(a.sub(dv, a.div(dp, n)), speeds[2]);
  const [fl, fr] = [fluxOf(a, l, left.pressure), fluxOf(a, r, right.pressure)];
  const c = a.div(a.scale(0.5, root), sound);
  const waves = (first: T, plus: T, minus: T): T =>
    a.sub(a.add(first, a.mul(a.mul(c, c1), plus)), a.mul(a.mul(c, c2), minus));
  const differences = [
    a.sub(a.add(c0, a.mul(c, c1)), a.mul(c, c2)),
    waves(a.mul(c0, u), a.add(u, sound), a.sub(u, sound)),
    waves(a.mul(a.scale(0.5, c0), q2), a.add(h, a.mul(u, sound)), a.sub(h, a.mul(u, sound))),
  ] as const;
  return differences.map((difference, index) =>
    a.scale(0.5, a.sub(a.add(fl[index] as T, fr[index] as T), difference)),
  );
}

const [A1, A2, A3, D1, D4, D6] = [175, 890, 50, 575, 1035, 185] as const;

function robotArm<T>(a: Arithmetic<T>, t: readonly T[]): T[] {
  const [t1, t2, t3, t4, t5, t6] = t as [T, T, T, T, T, T];
  const [c1, c2, c4, c5, c6] = [t1, t2, t4, t5, t6].map((x) => a.cos(x)) as [T, T, T, T, T];
  const c23 = a.sub(a.mul(a.cos(t2), a.cos(t3)), a.mul(a.sin(t2), a.sin(t3)));
  const [s1, s2, s4, s5, s6] = [t1, t2, t4, t5, t6].map((x) => a.sin(x)) as [T, T, T, T, T];
  const s23 = a.add(a.mul(a.cos(t2), a.sin(t3)), a.mul(a.sin(t2), a.cos(t3)));
  const product = (...factors: readonly T[]): T => factors.reduce((p, q) => a.mul(p, q));
  const wrist = (first: T, sum: T, second: T): T => a.add(a.mul(s5, sum), product(second, s23, c5));
  const ax = wrist(c1, a.add(product(c1, c23, c4), a.mul(s1, s4)), c1);
  const ay = wrist(s1, a.sub(product(s1, c23, c4), a.mul(c1, s4)), s1);
  const az = a.sub(product(s23, c4, s5), a.mul(c23, c5));
  const bend = (): T => a.add(a.mul(c23, s5), product(s23, c4, c5));
  const nz = a.sub(a.mul(c6, bend()), product(s23, s4, s6));
  const oz = a.sub(a.mul(a.neg(s6), bend()), product(s23, s4, c6));
  const reach = (): T => a.add(a.add(a.shift(a.scale(A2, c2), A1), a.scale(A3, c23)), a.scale(D4, s23));
  const px = a.add(
    a.scale(D6, wrist(c1, a.add(product(c1, c23, c4), a.mul(s1, s4)), c1)),
    a.mul(c1, reach()),
  );
  const py = a.add(
    a.scale(D6, wrist(s1, a.add(product(s1, c23, c4), a.mul(c1, s4)), s1)),
    a.mul(s1, reach()),
  );
  const pz = a.add(
    a.sub(a.add(a.shift(a.scale(A2, s2), D1), a.scale(A3, s23)), a.scale(D4, c23)),
    a.scale(D6, a.sub(product(s23, c4, s5), a.mul(c23, c5))),
  );
  const angles = [a.atan2(ay, ax), a.atan2(a.sqrt(a.from(1, a.square(az))), az), a.atan2(oz, a.neg(nz))];
  return [px, py, pz, ...angles];
}

function heartDipole<T>(a: Arithmetic<T>, x: readonly T[]): T[] {
  const [x1, x2, x3, x4, x5, x6, x7, x8] = x as [T, T, T, T, T, T, T, T];
  const minusOne = (value: T): T => a.shift(value, -1);
  const square = (value: T): T => a.square(value);
  const A = a.sub(square(x5), square(x7));
  const B = a.sub(square(x6), square(x8));
  const twice = (p: T, q: T, r: T): T => a.mul(a.mul(a.scale(2, p), q), r);
  const cubic = (p: T, q: T): T => a.mul(p, a.sub(square(p), a.scale(3, square(q))));
  const [P, Q, S, U] = [cubic(x5, x7), cubic(x7, x5), cubic(x6, x8), cubic(x8, x6)];
  const mixed = ([p, q]: readonly [T, T], [r, s]: readonly [T, T]): T =>
    minusOne(a.sub(a.add(a.sub(a.mul(p, A), twice(q, x5, x7)), a.mul(r, B)), twice(s, x6, x8)));
  return [
    minusOne(a.add(x1, x2)),
    minusOne(a.add(x3, x4)),
    minusOne(a.sub(a.sub(a.add(a.mul(x5, x1), a.mul(x6, x2)), a.mul(x7, x3)), a.mul(x8, x4))),
    minusOne(a.add(a.add(a.add(a.mul(x7, x1), a.mul(x8, x2)), a.mul(x5, x3)), a.mul(x6, x4))),
    mixed([x1, x3], [x2, x4]),
    mixed([x3, x1], [x4, x2]),
    minusOne(a.add(a.add(a.add(a.mul(x1, P), a.mul(x3, Q)), a.mul(x2, S)), a.mul(x4, U))),
    minusOne(a.sub(a.add(a.sub(a.mul(x3, P), a.mul(x1, Q)), a.mul(x4, S)), a.mul(x2, U))),
  ];
}

/** The three tasks of Lohoff & Neftci 2024 (arXiv 2406.05027). */
export const eliminationTasks: readonly EliminationTask[] = [
  { name: "RoeFlux_1d", inputs: 6, point: [1, 0.4, 2.5, 0.7, 0.2, 2.1], run: roeFlux },
  { name: "RobotArm_6DOF", inputs: 6, point: [0.3, -0.4, 0.8, 0.5, -0.7, 1.1], run: robotArm },
  {
    name: "HumanHeartDipole",
    inputs: 8,
    point: [0.3, 0.8, -0.5, 0.6, 0.9, -0.2, 0.4, 0.7],
    run: heartDipole,
  },
];

/** The task as a row program: one input x, one output y. */
export function programOfTask({ name, inputs, run }: EliminationTask): Program {
  const b = new Builder();
  const x = b.input("x", [inputs]);
  const entries = range(inputs).map((index) =>
    b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []),
  );
  const y = run(builderArithmetic(b), entries).map((value) => b.reshape(value, [1]));
  return programOf(name, [x], [{ name: "y", value: b.concat(y, 0) }]);
}

function builderArithmetic(b: Builder): Arithmetic<Node> {
  const constant = (c: number): Node => b.constant(c);
  return {
    add: (x, y) => b.add(x, y),
    sub: (x, y) => b.sub(x, y),
    mul: (x, y) => b.mul(x, y),
    div: (x, y) => b.div(x, y),
    atan2: (y, x) => b.binary("atan2", y, x),
    scale: (c, x) => b.mul(constant(c), x),
    shift: (x, c) => b.add(x, constant(c)),
    from: (c, x) => b.sub(constant(c), x),
    square: (x) => b.mul(x, x),
    sqrt: (x) => b.unary("sqrt", x),
    abs: (x) => b.unary("abs", x),
    sin: (x) => b.unary("sin", x),
    cos: (x) => b.unary("cos", x),
    neg: (x) => b.neg(x),
  };
}

/** The graph as written: the vertices each vertex reads (inputs first, reading none), and the outputs. */
export interface WrittenGraph {
  readonly inputs: number;
  readonly reads: readonly (readonly number[])[];
  readonly outputs: readonly number[];
}

/** Every operation its own vertex, nothing shared: what the paper's rule counts on. */
export function writtenGraph({ inputs, run }: EliminationTask): WrittenGraph {
  const reads: number[][] = range(inputs).map(() => []);
  const vertex = (...from: number[]): number => reads.push([...new Set(from)]) - 1;
  const one = (x: number): number => vertex(x);
  const arithmetic: Arithmetic<number> = {
    add: vertex,
    sub: vertex,
    mul: vertex,
    div: vertex,
    atan2: vertex,
    square: one,
    sqrt: one,
    abs: one,
    sin: one,
    cos: one,
    neg: one,
    shift: one,
    scale: (_, x) => vertex(x),
    from: (_, x) => vertex(x),
  };
  const outputs = run(arithmetic, range(inputs));
  return { inputs, reads, outputs };
}
