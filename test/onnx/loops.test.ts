/** Recurrent cells, Loop and Scan of many steps are loops, and give what the same steps give in short pieces. */

import { describe, expect, test } from "vitest";
import { nodesOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { ints, jacobian, program } from "./derivatives.ts";
import { type NodeSpec, node, type TensorSpec } from "./encode.ts";
import { relativeError, runRow } from "./support.ts";

const STEPS = 36;
const H = 2;
const row = range(STEPS * 2).map((k) => Math.sin(0.37 * k));
const isLoop = (f: Program): boolean => nodesOf(f).some(({ op }) => op === "scan");

const weights = (name: string, shape: readonly number[], phase: number): TensorSpec => ({
  name,
  shape,
  values: range(shape.reduce((a, b) => a * b, 1)).map((k) => Math.fround(Math.sin(k + phase))),
});

function whole(nodes: readonly NodeSpec[], tensors: readonly TensorSpec[]): Program {
  return program({
    nodes: [["Transpose", ["x"], ["t"], { perm: [1, 0, 2] }], ...nodes],
    x: row,
    shape: [STEPS, 2],
    tensors,
  });
}

/** Slices of 12 steps each, named t0, t1, t2. */
const pieces: NodeSpec[] = [["Split", ["t", "cuts"], ["t0", "t1", "t2"], { axis: 0 }]];

function expectEqual(long: Program, short: Program): void {
  expect(isLoop(long)).toBe(true);
  expect(isLoop(short)).toBe(false);
  expect(relativeError(runRow(long, row)[0] as number[], runRow(short, row)[0] as number[])).toBeLessThan(
    1e-13,
  );
  const wanted = jacobian(short, row);
  for (const mode of ["forward", "reverse"] as const)
    expect(relativeError(jacobian(long, row, mode), wanted)).toBeLessThan(1e-11);
}

describe("recurrent cells", () => {
  test.each([
    { operator: "RNN", gates: 1, states: ["h"] },
    { operator: "GRU", gates: 3, states: ["h"] },
    { operator: "LSTM", gates: 4, states: ["h", "c"] },
  ])("$operator", ({ operator, gates, states }) => {
    const tensors = [
      weights("w", [1, gates * H, 2], 1),
      weights("r", [1, gates * H, H], 2),
      weights("bias", [1, 2 * gates * H], 3),
      ints("cuts", [12, 12, 12]),
    ];
    const options = { hidden_size: H };
    const long = whole([[operator, ["t", "w", "r", "bias"], ["s", "y"], options]], tensors);
    const chain = range(3).map((k): NodeSpec => {
      const before = k === 0 ? [] : ["", ...states.map((state) => `${state}${k - 1}`)];
      const after = states.map((state, index) => (k === 2 && index === 0 ? "y" : `${state}${k}`));
      return [operator, [`t${k}`, "w", "r", "bias", ...before], [`s${k}`, ...after], options];
    });
    expectEqual(long, whole([...pieces, ...chain], tensors));
  });

  test("both directions, all steps, are the two of them side by side", () => {
    const one = (name: string): TensorSpec[] => [
      weights(`w${name}`, [1, H, 2], 1),
      weights(`r${name}`, [1, H, H], 2),
    ];
    const two: TensorSpec[] = [
      { name: "w", shape: [2, H, 2], values: [...(one("")[0]?.values ?? []), ...(one("")[0]?.values ?? [])] },
      { name: "r", shape: [2, H, H], values: [...(one("")[1]?.values ?? []), ...(one("")[1]?.values ?? [])] },
    ];
    const both = whole(
      [
        ["RNN", ["t", "w", "r"], ["s"], { hidden_size: H, direction: "bidirectional" }],
        ["Transpose", ["s"], ["y"], { perm: [2, 0, 1, 3] }],
      ],
      two,
    );
    const apart = whole(
      [
        ["RNN", ["t", "wa", "ra"], ["a"], { hidden_size: H }],
        ["RNN", ["t", "wa", "ra"], ["b"], { hidden_size: H, direction: "reverse" }],
        ["Concat", ["a", "b"], ["s"], { axis: 1 }],
        ["Transpose", ["s"], ["y"], { perm: [2, 0, 1, 3] }],
      ],
      one("a"),
    );
    expect(isLoop(both)).toBe(true);
    expect(relativeError(runRow(both, row)[0] as number[], runRow(apart, row)[0] as number[])).toBeLessThan(
      1e-14,
    );
  });
});

describe("Loop and Scan", () => {
  const loop = (count: number): { program: Program } => {
    const body = {
      nodes: [
        node(["Cast", ["i"], ["f"], { to: 1 }]),
        node(["Mul", ["f", "rate"], ["p"]]),
        node(["Add", ["h", "p"], ["q"]]),
        node(["Tanh", ["q"], ["next"]]),
        node(["Identity", ["go"], ["still"]], 1),
      ],
      inputs: [{ name: "i" }, { name: "go" }, { name: "h" }],
      outputs: [{ name: "still" }, { name: "next" }],
    };
    return {
      program: program({
        nodes: [["Loop", ["n", "", "x"], ["y"], { body: { g: body } }]],
        x: row.slice(0, 2),
        shape: [2],
        tensors: [ints("n", [count]), { name: "rate", shape: [], values: [0.125] }],
      }),
    };
  };

  test("a counted Loop reads its step", () => {
    const { program: long } = loop(40);
    expect(isLoop(long)).toBe(true);
    expect(isLoop(loop(5).program)).toBe(false);
    const wanted = range(40).reduce((h, i) => h.map((v) => Math.tanh(v + i * 0.125)), row.slice(0, 2));
    expect(relativeError(runRow(long, row.slice(0, 2))[0] as number[], wanted)).toBeLessThan(1e-14);
  });

  test("Scan backwards, results in front", () => {
    const body = {
      nodes: [
        node(["Mul", ["s", "e"], ["m"]]),
        node(["Sin", ["m"], ["n"]]),
        node(["Add", ["n", "e"], ["o"]], 1),
      ],
      inputs: [{ name: "s" }, { name: "e" }],
      outputs: [{ name: "n" }, { name: "o" }],
    };
    const f = whole(
      [
        ["ReduceMean", ["t"], ["h"], { axes: [0], keepdims: 0 }],
        [
          "Scan",
          ["h", "t"],
          ["last", "all"],
          { num_scan_inputs: 1, scan_input_directions: [1], body: { g: body } },
        ],
        ["Transpose", ["all"], ["y"], { perm: [1, 0, 2] }],
      ],
      [],
    );
    expect(isLoop(f)).toBe(true);
    let state = [0, 1].map(
      (k) => range(STEPS).reduce((total, t) => total + (row[2 * t + k] as number), 0) / STEPS,
    );
    const wanted = range(STEPS).flatMap((t) => {
      const entry = row.slice(2 * (STEPS - 1 - t), 2 * (STEPS - t));
      state = state.map((s, k) => Math.sin(s * (entry[k] as number)));
      return state.map((s, k) => s + (entry[k] as number));
    });
    expect(relativeError(runRow(f, row)[0] as number[], wanted)).toBeLessThan(1e-13);
  });
});
