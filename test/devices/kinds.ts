/**
 * Programs of every kind that devices compute, one per seed: values, sums over rows, what is made of Jacobians, loops, networks.
 *
 * In: a kind and a seed. Out: a program ready to be lowered, and whether it is smooth (no jump where rounding may take the other side).
 */

import { expandJacobians, jacobianProgram, type Mode } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { inline, nodesOf, programOf } from "../../src/ir/graph.ts";
import { at, range, sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Node, Op, Program, Shape } from "../../src/ir/types.ts";
import { hoistScans, optimize } from "../../src/optimize/optimize.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { diagonal } from "../../src/trace/ops/movement.ts";
import { Random } from "../ir/random.ts";
import { randomOps, randomProgram, smoothOps } from "../ir/random-program.ts";
import { arm } from "../optimize/arm.ts";
import { branchingNetwork } from "../optimize/branching.ts";
import { loopProgram } from "../scan/programs.ts";

/** A program as devices take it. */
export interface Case {
  readonly name: string;
  readonly program: Program;
  readonly smooth: boolean;
}

type Make = (draw: Random, seed: number) => Omit<Case, "name">;

const MODES: readonly Mode[] = ["auto", "forward", "reverse"];
const MOST_CELLS = 4000;
const LEAST_NODES = 7;
const MOST_NODES = 400;

/** A program under way, which gets inputs as it needs them. */
class Draft {
  readonly b: Builder = new Builder();
  readonly inputs: InputNode[] = [];
  readonly draw: Random;

  constructor(draw: Random) {
    this.draw = draw;
  }

  /** An input of rows or a shared one. */
  input(shape: Shape, level: "row" | "bound" = this.draw.chance(0.5) ? "row" : "bound"): InputNode {
    const made = this.b.input(`x${this.inputs.length}`, shape, { level });
    this.inputs.push(made);
    return made;
  }

  /** The inputs of another program. */
  inputsOf(program: Program): InputNode[] {
    return program.inputs.map(({ shape, level }) => this.input(shape, level === "row" ? "row" : "bound"));
  }

  program(values: readonly Node[]): Program {
    return programOf(
      "drafted",
      this.inputs,
      values.map((value, index) => ({ name: `y${index}`, value })),
    );
  }
}

/** A small smooth function: random operations, a loop or a network. */
function functionOf(draw: Random): Program {
  const seed = draw.between(0, 1e9);
  const choice = draw.between(0, 4);
  if (choice === 0) return network(draw);
  if (choice === 1) return loopProgram(seed, { steps: 4 });
  return randomProgram(seed, { ops: smoothOps, size: 3 + (seed % 9) });
}

/** One to three dense layers, on a vector or on the rows of a matrix, with shared or constant weights. */
function network(draw: Random, most = 24): Program {
  const draft = new Draft(draw);
  const { b } = draft;
  const sizes = range(draw.between(2, 4)).map(() => draw.between(1, most));
  const items = draw.chance(0.25) ? [draw.between(1, 3)] : [];
  let h: Node = draft.input([...items, at(sizes, 0)], "row");
  const weights = (shape: Shape): Node =>
    draw.chance(0.5)
      ? draft.input(shape, "bound")
      : b.constant(
          range(sizeOf(shape)).map(() => draw.signed()),
          shape,
        );
  for (const [index, size] of sizes.slice(1).entries()) {
    const [rank, scale] = [items.length, b.constant(1 / Math.sqrt(at(sizes, index)))];
    const sum = b.contract(h, weights([size, at(sizes, index)]), {
      a: range(rank + 1),
      b: [9, rank],
      out: [...range(rank), 9],
    });
    h = b.unary(draw.pick(["tanh", "sin", "exp"] as const), b.mul(b.add(sum, weights([size])), scale));
  }
  return draft.program([h]);
}

/** One to three convolutions over one or two axes with strides, gaps and padding, pooled at times: (channels, …) to (channels, …). */
function convolutions(draw: Random): Omit<Case, "name"> {
  const draft = new Draft(draw);
  const { b } = draft;
  const rank = draw.between(1, 2);
  let h: Node = draft.input([draw.between(1, 3), ...range(rank).map(() => draw.between(4, 9))], "row");
  let smooth = true;
  for (const _ of range(draw.between(1, 3))) {
    const pad = draw.between(0, 2);
    const shape = h.shape.map((size, axis) => (axis === 0 ? size : size + 2 * pad));
    h = b.pad(h, {
      starts: shape.map((_size, axis) => (axis === 0 ? 0 : pad)),
      steps: shape.map(() => 1),
      shape,
    });
    const windows = windowed(b, h, draw);
    const kept = range(rank).map((axis) => 1 + 2 * axis);
    const inside = kept.map((axis) => axis + 1);
    const channels = draw.between(1, 5);
    const sizes = [channels, at(h.shape, 0), ...inside.map((axis) => at(windows.shape, axis))];
    const weights = b.constant(
      range(sizeOf(sizes)).map(() => draw.signed()),
      sizes,
    );
    h = b.contract(windows, weights, { a: range(1 + 2 * rank), b: [20, 0, ...inside], out: [20, ...kept] });
    h = b.unary(draw.pick(["tanh", "sin"] as const), h);
    if (!draw.chance(0.3)) continue;
    const most = draw.chance(0.5);
    smooth &&= !most;
    const pooled = windowed(b, h, draw);
    h = most ? b.reduce("reduceMax", pooled, inside) : b.sum(pooled, inside);
  }
  return { program: draft.program([h]), smooth };
}

/** Windows along each axis but the first, which fit: (channels, windows, cells, …). */
function windowed(b: Builder, x: Node, draw: Random): Node {
  let windows = x;
  for (const [index, size] of x.shape.slice(1).entries()) {
    const dilation = draw.between(1, 2);
    const most = Math.min(3, Math.floor((size - 1) / dilation) + 1);
    const options = {
      axis: 1 + 2 * index,
      size: draw.between(1, most),
      stride: draw.between(1, 3),
      dilation,
    };
    windows = b.window(windows, options);
  }
  return windows;
}

/** What is made of a Jacobian as a matrix. */
const parts: Record<string, (J: Node, draft: Draft) => Node> = {
  "J V": (J, draft) => {
    const v = draft.input([at(J.shape, 1), 2]);
    return draft.b.contract(J, v, { a: [0, 1], b: [1, 2], out: [0, 2] });
  },
  "Vt J": (J, draft) => {
    const v = draft.input([2, at(J.shape, 0)]);
    return draft.b.contract(v, J, { a: [0, 1], b: [1, 2], out: [0, 2] });
  },
  diagonal: (J, { b }) => diagonal(b, J),
  trace: (J, { b }) => b.sum(diagonal(b, J), [0]),
  squares: (J, { b }) => b.sum(b.mul(J, J), [0, 1]),
  "Jt J": (J, { b }) => b.contract(J, J, { a: [0, 1], b: [0, 2], out: [1, 2] }),
  "J Jt": (J, { b }) => b.contract(J, J, { a: [0, 1], b: [2, 1], out: [0, 2] }),
  "rows' Jt J": (J, { b }) => b.rowSum(b.contract(J, J, { a: [0, 1], b: [0, 2], out: [1, 2] })),
  "rows' Jt r": (J, draft) => {
    const r = draft.input([at(J.shape, 0)]);
    return draft.b.rowSum(draft.b.contract(J, r, { a: [0, 1], b: [0], out: [1] }));
  },
};

/** A part of the Jacobian of a random function by one of its inputs, and at times the function's values beside it. */
function derived(draw: Random, make: (J: Node, draft: Draft) => Node): Omit<Case, "name"> {
  const inner = functionOf(draw);
  const draft = new Draft(draw);
  const { b } = draft;
  const inputs = draft.inputsOf(inner);
  const [output, wrt] = [draw.between(0, inner.outputs.length - 1), draw.between(0, inputs.length - 1)];
  const cells = [at(inner.outputs, output).value, at(inputs, wrt)].map(({ shape }) => sizeOf(shape));
  const J = b.reshape(b.jacobian(inner, inputs, { output, wrt }), cells);
  const one = b.constant(1);
  // Sums over rows must be of rows, and so must be what is known per row.
  const ofRows = J.level === "row" ? J : b.mul(J, b.add(one, draft.input([], "row")));
  const value = make(ofRows, draft);
  const values = inline(b, inner, inputs).filter(({ level }) => level === "row");
  return {
    program: ready(expandJacobians(draft.program(draw.chance(0.5) ? [value, ...values] : [value]))),
    smooth: true,
  };
}

/** ∂²f/∂x² of one number of a random function. */
function hessian(draw: Random): Omit<Case, "name"> {
  const inner = functionOf(draw);
  const draft = new Draft(draw);
  const inputs = draft.inputsOf(inner);
  const sum = draft.b.sum(
    draft.b.unary("sin", at(inline(draft.b, inner, inputs), 0)),
    range(at(inner.outputs, 0).value.shape.length),
  );
  const first = jacobianProgram(draft.program([sum]), { wrt: [0], allowZero: true });
  return {
    program: ready(jacobianProgram(first, { wrt: [0], mode: draw.pick(MODES), allowZero: true })),
    smooth: true,
  };
}

/** Some loops stay loops, however short. */
function ready(program: Program, whole = false): Program {
  return whole ? hoistScans(optimize(program)) : prepared(program);
}

const withoutSums = (ops: readonly Op[]): Op[] => ops.filter((op) => op !== "rowSum");

/** A program of every kind for a seed. */
export const kinds: Readonly<Record<string, Make>> = {
  values: (draw, seed) => ({
    program: ready(randomProgram(seed, { ops: withoutSums(randomOps), size: draw.between(3, 24) })),
    smooth: false,
  }),
  "smooth values": (draw, seed) => ({
    program: ready(randomProgram(seed, { ops: withoutSums(smoothOps), size: draw.between(3, 24) })),
    smooth: true,
  }),
  "sums over rows": (draw, seed) => ({
    program: ready(randomProgram(seed, { ops: [...smoothOps, "rowSum"], size: draw.between(3, 14) })),
    smooth: true,
  }),
  Jacobians: (draw, seed) => {
    const value = randomProgram(seed, { ops: withoutSums(smoothOps), size: draw.between(3, 14) });
    const wrt = range(value.inputs.length).filter((index) => index === 0 || draw.chance(0.4));
    const request = { wrt, mode: draw.pick(MODES), value: draw.chance(0.5), allowZero: true };
    return { program: ready(jacobianProgram(value, request)), smooth: true };
  },
  "branched Jacobians": (draw, seed) => {
    const value = randomProgram(seed, { ops: withoutSums(randomOps), size: draw.between(3, 14) });
    const request = { wrt: [0], mode: draw.pick(MODES), value: true, allowZero: true };
    return { program: ready(jacobianProgram(value, request)), smooth: false };
  },
  loops: (draw, seed) => {
    const kinks = draw.chance(0.5);
    return { program: ready(loopProgram(seed, { kinks }), true), smooth: !kinks };
  },
  "Jacobians of loops": (draw, seed) => {
    const request = { wrt: [draw.between(0, 3)], mode: draw.pick(MODES), value: draw.chance(0.5) };
    const value = loopProgram(seed, { steps: draw.between(2, 4) });
    return {
      program: ready(jacobianProgram(value, { ...request, unrolled: 0, allowZero: true }), true),
      smooth: true,
    };
  },
  networks: (draw) => {
    const value = network(draw, 70);
    const request = { wrt: [0], mode: draw.pick(MODES), value: true, allowZero: true };
    return { program: ready(jacobianProgram(value, request)), smooth: true };
  },
  "branching networks": (draw) => {
    const request = { wrt: [0], mode: draw.pick(MODES), value: draw.chance(0.5) };
    return { program: ready(jacobianProgram(branchingNetwork(draw), request)), smooth: true };
  },
  convolutions: (draw) => {
    const { program, smooth } = convolutions(draw);
    const request = { wrt: [0], mode: draw.pick(MODES), value: draw.chance(0.5), allowZero: true };
    return { program: ready(jacobianProgram(program, request)), smooth };
  },
  hessians: hessian,
  ...Object.fromEntries(
    Object.entries(parts).map(([name, make]): [string, Make] => [name, (draw) => derived(draw, make)]),
  ),
  arms: (draw) => {
    const value = arm(draw.between(2, 4), draw);
    if (draw.chance(0.3)) return { program: ready(value), smooth: true };
    const request = { wrt: [0], mode: draw.pick(MODES), value: draw.chance(0.5) };
    return { program: ready(jacobianProgram(value, request)), smooth: true };
  },
};

/** The case of a kind and a seed: the first that is neither next to nothing nor too large to be compared quickly. */
export function caseOf(kind: string, seed: number): Case {
  const place = Object.keys(kinds).indexOf(kind);
  for (let attempt = 0; ; attempt++) {
    const own = seed * 97 + place * 1009 + attempt * 100_003;
    const { program, smooth } = (kinds[kind] as Make)(new Random(own), own);
    const cells = program.outputs.map(({ value }) => sizeOf(value.shape));
    const nodes = nodesOf(program).length;
    const fits = nodes >= LEAST_NODES && nodes <= MOST_NODES;
    if ((fits && Math.max(...cells) <= MOST_CELLS && cells.some((count) => count > 0)) || attempt === 9)
      return { name: `${kind} ${seed}`, program, smooth };
  }
}
