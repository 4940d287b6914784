/** Every pass keeps what a program computes, and leaves a legal program; each rule does its work. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import { print } from "../../src/ir/print.ts";
import type { InputNode, Node, Program, Shape } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import {
  dropStopGradients,
  foldConstants,
  inlineCalls,
  optimize,
  type Pass,
  pruneScans,
  simplify,
  unrollScans,
} from "../../src/optimize/optimize.ts";
import { runHere } from "../devices/here.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";

const movements = randomOps.filter((op) =>
  /^(slice|pad|concat|gather|scatterAdd|transpose|reshape|broadcast|contract|reduceSum|reduceMax|add|mul|select|lt|iota|neg)$/.test(
    op,
  ),
);

const ROWS = 2;

/** The outputs of two rows; those that are the same for all rows once per row, as a pass may find out that they are. */
function run(program: Program, inputs: readonly Float64Array[]): number[][] {
  return runHere(program, inputs, ROWS).map((numbers, index) => {
    const perRow = program.outputs[index]?.value.level === "row";
    return perRow ? [...numbers] : Array.from({ length: ROWS }, () => [...numbers]).flat();
  });
}

/** NaN and infinities in the same places; sums may differ in the last bits. */
function expectSame(got: readonly number[][], want: readonly number[][], seed: number): void {
  want.forEach((numbers, output) => {
    const largest = numbers.reduce((most, x) => Math.max(most, Number.isFinite(x) ? Math.abs(x) : 0), 1);
    const near = (x: number, y: number): boolean =>
      Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-13 * largest;
    const bad = numbers.findIndex((x, index) => !near(x, got[output]?.[index] as number));
    expect([got[output]?.length, bad], `seed ${seed}, output ${output}`).toEqual([numbers.length, -1]);
  });
}

const passes: Readonly<Record<string, Pass>> = {
  foldConstants,
  simplify,
  pruneScans,
  optimize,
  dropStopGradients,
  inlineCalls,
  unrollScans: (program) => unrollScans(program, 1000),
  "everything together": (program) =>
    optimize(dropStopGradients(unrollScans(inlineCalls(optimize(program)), 1000))),
};

describe.each(Object.entries(passes))("%s", (_, pass) => {
  test.each([
    ["all ops", randomOps, 60],
    ["movements", movements, 100],
  ] as const)("keeps random programs: %s", (_name, ops, count) => {
    for (let seed = 0; seed < count; seed++) {
      const program = randomProgram(seed, { ops, size: 14 });
      const better = pass(program);
      verify(better);
      const inputs = randomInputs(program, ROWS, seed);
      expectSame(run(better, inputs), run(program, inputs), seed);
    }
  });
});

test("an optimized program stays as it is", () => {
  for (let seed = 0; seed < 60; seed++) {
    const once = optimize(randomProgram(seed));
    expect(print(optimize(once)), `seed ${seed}`).toBe(print(once));
  }
});

test("optimized programs are smaller on the whole", () => {
  const programs = Array.from({ length: 100 }, (_, seed) => randomProgram(seed, { ops: movements }));
  const total = (list: readonly Program[]): number =>
    list.reduce((sum, program) => sum + nodesOf(program).length, 0);
  expect(total(programs.map((program) => optimize(program)))).toBeLessThan(total(programs));
});

/** The optimized text of a function of inputs of the given shapes, without its first and last line. */
function optimized(
  shapes: readonly Shape[],
  make: (b: Builder, ...inputs: InputNode[]) => Node,
  pass: Pass = optimize,
): string[] {
  const b = new Builder();
  const inputs = shapes.map((shape, index) => b.input("xyz".charAt(index), shape));
  const program: Program = programOf("p", inputs, [{ name: "out", value: make(b, ...inputs) }]);
  const better = pass(program);
  verify(better);
  const data = randomInputs(program, ROWS);
  expectSame(run(better, data), run(program, data), 0);
  return print(better)
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) =>
      line
        .trim()
        .replace(/^%\d+:\S+ = /, "")
        .replace("return out=", ""),
    );
}
const X = [3, 4];
const rows = (start: number, count: number): { starts: number[]; steps: number[]; shape: number[] } => ({
  starts: [start, 0],
  steps: [1, 1],
  shape: [count, 4],
});

describe("movement rules", () => {
  const cases: readonly [string, readonly Shape[], Parameters<typeof optimized>[1], string[]][] = [
    [
      "slice of slice",
      [[9]],
      (b, x) =>
        b.slice(b.slice(x, { starts: [1], steps: [2], shape: [4] }), {
          starts: [3],
          steps: [-1],
          shape: [2],
        }),
      ["slice x starts=[7] steps=[-2]", "%0"],
    ],
    [
      "slice of concat",
      [X, X],
      (b, x, y) => b.slice(b.concat([x, y], 0), rows(3, 2)),
      ["slice y starts=[0,0] steps=[1,1]", "%0"],
    ],
    [
      "slice of pad",
      [X],
      (b, x) => b.slice(b.pad(x, { starts: [2, 0], steps: [1, 1], shape: [9, 4] }), rows(3, 2)),
      ["slice x starts=[1,0] steps=[1,1]", "%0"],
    ],
    [
      "slice beside a pad",
      [X],
      (b, x) => b.slice(b.pad(x, { starts: [2, 0], steps: [1, 1], shape: [9, 4] }), rows(6, 2)),
      ["constant 0", "%0"],
    ],
    [
      "slice of broadcast",
      [[4]],
      (b, x) => b.slice(b.broadcast(x, X), { starts: [1, 1], steps: [1, 1], shape: [2, 3] }),
      ["slice x starts=[1] steps=[1]", "broadcast %0", "%1"],
    ],
    [
      "unpack and stack again",
      [[3]],
      (b, x) =>
        b.concat(
          [0, 1, 2].map((i) =>
            b.reshape(b.reshape(b.slice(x as Node, { starts: [i], steps: [1], shape: [1] }), []), [1]),
          ),
          0,
        ),
      ["x"],
    ],
    [
      "reversing by single cells",
      [[3]],
      (b, x) =>
        b.concat(
          [2, 1, 0].map((i) => b.slice(x as Node, { starts: [i], steps: [1], shape: [1] })),
          0,
        ),
      ["slice x starts=[2] steps=[-1]", "%0"],
    ],
    [
      "gather in a line",
      [X],
      (b, x) => b.gather(x, b.constant([3, 1], [2], "int"), 1),
      ["slice x starts=[0,3] steps=[1,-2]", "%0"],
    ],
    [
      "scatterAdd in a line",
      [[2, 3]],
      (b, x) => b.scatterAdd(x, b.constant([0, 2], [2], "int"), { axis: 0, size: 4 }),
      ["pad x starts=[0,0] steps=[2,1]", "%0"],
    ],
    [
      "pads side by side",
      [[1], [1]],
      (b, x, y) =>
        b.add(
          b.pad(x, { starts: [0], steps: [1], shape: [2] }),
          b.pad(y, { starts: [1], steps: [1], shape: [2] }),
        ),
      ["concat x, y axis=0", "%0"],
    ],
    [
      "pad of pad, with steps",
      [[2]],
      (b, x) =>
        b.pad(b.pad(x, { starts: [1], steps: [1], shape: [3] }), { starts: [1], steps: [2], shape: [7] }),
      ["pad x starts=[3] steps=[2]", "%0"],
    ],
    [
      "slices that continue along one axis but not the other",
      [X],
      (b, x) =>
        b.concat(
          [0, 1].map((i) => b.slice(x as Node, { starts: [i, i], steps: [1, 1], shape: [1, 2] })),
          0,
        ),
      ["slice x starts=[0,0] steps=[1,1]", "slice x starts=[1,1] steps=[1,1]", "concat %0, %1 axis=0", "%2"],
    ],
    [
      "pads of other steps stay",
      [[2], [1]],
      (b, x, y) =>
        b.add(
          b.pad(x, { starts: [0], steps: [2], shape: [4] }),
          b.pad(y, { starts: [2], steps: [1], shape: [4] }),
        ),
      ["pad x starts=[0] steps=[2]", "pad y starts=[2] steps=[1]", "add %0, %1", "%2"],
    ],
    [
      "pads of other steps across stay",
      [
        [1, 2],
        [1, 2],
      ],
      (b, x, y) =>
        b.add(
          b.pad(x, { starts: [0, 0], steps: [1, 1], shape: [2, 3] }),
          b.pad(y, { starts: [1, 0], steps: [1, 2], shape: [2, 3] }),
        ),
      ["pad x starts=[0,0] steps=[1,1]", "pad y starts=[1,0] steps=[1,2]", "add %0, %1", "%2"],
    ],
    ["a transpose of a row", [[1, 4]], (b, x) => b.transpose(x, [1, 0]), ["reshape x", "%0"]],
  ];
  test.each(cases)("%s", (_, shapes, make, expected) => {
    expect(optimized(shapes, make)).toEqual(expected);
  });
});

describe("contraction and reduction rules", () => {
  const cases: readonly [string, readonly Shape[], Parameters<typeof optimized>[1], string[]][] = [
    [
      "transposed operand",
      [X, [3]],
      (b, x, y) => b.matmul(b.transpose(x, [1, 0]), y),
      ["contract x, y labels=ab,a->b", "%0"],
    ],
    [
      "transposed result",
      [X, [4, 2]],
      (b, x, y) => b.transpose(b.matmul(x, y), [1, 0]),
      ["contract x, y labels=ab,bc->ca", "%0"],
    ],
    [
      "repeated operand",
      [[4], X],
      (b, x, y) => b.contract(b.broadcast(x, X), y, { a: [0, 1], b: [0, 1], out: [0] }),
      ["contract x, y labels=a,ba->b", "%0"],
    ],
    [
      "axes of one",
      [[1, 4], X],
      (b, x, y) => b.matmul(y, b.transpose(x, [1, 0])),
      ["reshape x", "contract y, %0 labels=ab,b->a", "reshape %1", "%2"],
    ],
    ["times one", [X], (b, x) => b.matmul(x, b.constant(1, [4])), ["reduceSum x axes=[1]", "%0"]],
    [
      "nothing summed",
      [X, [3]],
      (b, x, y) => b.contract(x, y, { a: [0, 1], b: [0], out: [0, 1] }),
      ["reshape y", "broadcast %0", "mul x, %1", "%2"],
    ],
    [
      "sum of products",
      [X, [4]],
      (b, x, y) => b.sum(b.mul(x, y), [1]),
      ["contract x, y labels=ab,b->a", "%0"],
    ],
    ["sum of repeated", [[4]], (b, x) => b.sum(b.broadcast(x, X), [0]), ["constant 3", "mul x, %0", "%1"]],
    [
      "sum of a transpose",
      [[2, 3, 4]],
      (b, x) => b.reduce("reduceMin", b.transpose(x, [2, 0, 1]), [1]),
      ["reduceMin x axes=[0]", "transpose %0 order=[1,0]", "%1"],
    ],
    [
      "repeated, and not in the other operand",
      [[4], [2]],
      (b, x, y) => b.contract(b.broadcast(x, X), y, { a: [0, 1], b: [2], out: [2, 1] }),
      ["broadcast x", "contract %0, y labels=ab,c->cb", "%1"],
    ],
    [
      "repeated into the result",
      [[4], [2]],
      (b, x, y) => b.contract(b.broadcast(x, X), y, { a: [0, 1], b: [2], out: [2, 0] }),
      ["contract x, y labels=a,b->b", "reshape %0", "broadcast %1", "%2"],
    ],
    [
      "times ones that come out",
      [X],
      (b, x) => b.contract(x, b.constant(1, [5]), { a: [0, 1], b: [2], out: [2, 1] }),
      ["reduceSum x axes=[0]", "broadcast %0", "%1"],
    ],
    [
      "times ones that are counted",
      [X],
      (b, x) => b.contract(x, b.constant(1, [5]), { a: [0, 1], b: [2], out: [1] }),
      ["constant 1", "contract x, %0 labels=ab,c->b", "%1"],
    ],
    ["sum of sums", [X], (b, x) => b.sum(b.sum(x, [0]), [0]), ["reduceSum x axes=[0,1]", "%0"]],
    [
      "maximum of repeated",
      [[4]],
      (b, x) => b.reduce("reduceMax", b.broadcast(x, X), [0, 1]),
      ["reduceMax x axes=[0]", "%0"],
    ],
  ];
  test.each(cases)("%s", (_, shapes, make, expected) => {
    expect(optimized(shapes, make)).toEqual(expected);
  });
  test("a product read twice is not contracted", () => {
    const lines = optimized([X, X], (b, x, y) => {
      const product = b.mul(x, y);
      return b.add(b.broadcast(b.reshape(b.sum(product, [1]), [3, 1]), X), product);
    });
    expect(lines).toContain("reduceSum %0 axes=[1]");
  });
});

describe("elementwise rules", () => {
  const positive = (b: Builder, x: Node): Node => b.compare("lt", b.constant(0), x);
  const cases: readonly [string, readonly Shape[], Parameters<typeof optimized>[1], string[]][] = [
    [
      "select of select",
      [[2], [2]],
      (b, x, y) => b.select(positive(b, x), b.select(positive(b, x), x, y), y),
      ["constant 0", "lt %0, x", "select %1, x, y", "%2"],
    ],
    [
      "select of not",
      [[2], [2]],
      (b, x, y) => b.select(b.not(positive(b, x)), x, y),
      ["constant 0", "lt %0, x", "select %1, y, x", "%2"],
    ],
    ["min(x, x)", [[2]], (b, x) => b.binary("min", x, x), ["x"]],
    [
      "repeat last",
      [[]],
      (b, x) => b.mul(b.unary("exp", b.broadcast(x, [9])), b.constant(2, [9])),
      ["exp x", "constant 2", "mul %0, %1", "broadcast %2", "%3"],
    ],
    [
      "x * 0 stays: it is NaN at infinity",
      [[2]],
      (b, x) => b.mul(x, b.constant(0)),
      ["constant 0", "mul x, %0", "%1"],
    ],
  ];
  test.each(cases)("%s", (_, shapes, make, expected) => {
    expect(optimized(shapes, make)).toEqual(expected);
  });
  test("constants fold", () => {
    const lines = optimized(
      [[2]],
      (b, x) => b.add(x, b.sum(b.unary("exp", b.constant([0, 1, 2], [3])), [0])),
      foldConstants,
    );
    expect(lines).toEqual([`constant ${1 + Math.E + Math.exp(2)}`, "add x, %0", "%1"]);
  });
});

test("kept calls stay calls", () => {
  const inner = new Builder();
  const a = inner.input("a", [2]);
  const body = programOf("body", [a], [{ name: "r", value: inner.unary("sin", a) }]);
  const make = (b: Builder, x?: Node): Node => b.call({ name: "f", attributes: {}, body }, [x as Node]);
  expect(optimized([[2]], make, (program) => inlineCalls(program))).toEqual(["sin x", "%0"]);
  expect(optimized([[2]], make, (program) => inlineCalls(program, (name) => name === "f"))).toContain(
    "call @1 f() x",
  );
});

test("long scans stay scans", () => {
  const inner = new Builder();
  const a = inner.input("a", []);
  const body = programOf("body", [a], [{ name: "r", value: inner.unary("sin", a) }]);
  const make = (b: Builder, x?: Node): Node =>
    b.scan(body, 3, { carries: [x as Node], perStep: [], captured: [] })[0] as Node;
  expect(optimized([[]], make, (program) => unrollScans(program, 6))).toEqual([
    "sin x",
    "sin %0",
    "sin %1",
    "%2",
  ]);
  expect(optimized([[]], make, (program) => unrollScans(program, 5)).join()).toContain("scan @1");
});

test("scans lose results that nobody reads, and carries that only they need", () => {
  const inner = new Builder();
  const inputs = ["used", "dead", "helper", "step", "constant"].map((name) => inner.input(name, []));
  const [used, dead, helper, step, constant] = inputs as [
    InputNode,
    InputNode,
    InputNode,
    InputNode,
    InputNode,
  ];
  const outputs = [
    { name: "used", value: inner.add(used, helper) },
    { name: "dead", value: inner.add(dead, inner.mul(step, used)) },
    { name: "helper", value: inner.unary("sin", helper) },
    { name: "stack", value: inner.mul(constant, dead) },
  ];
  const body = programOf("body", inputs, outputs);
  const lines = optimized(
    [[], [3]],
    (b, ...[x, y]) =>
      b.scan(body, 3, {
        carries: [x, x, x] as Node[],
        perStep: [y as Node],
        captured: [b.constant(2)],
      })[0] as Node,
  );
  expect(lines.join("\n")).toContain("scan @1 x, x steps=3 carries=2 perStep=0");
});
