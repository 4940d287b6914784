/**
 * Every op against its definition, written out once more in the plainest way: index functions over nested loops.
 */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { binaryOps, compareOps, reduceOps, unaryOps } from "../../src/ir/ops.ts";
import { sizeOf, stridesOf } from "../../src/ir/shape.ts";
import type { BinaryOp, CompareOp, InputNode, Node, ReduceOp, Shape, UnaryOp } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { runHere } from "../devices/here.ts";

/** Numbers by index: what the definitions below are written in. */
type Cells = (index: readonly number[]) => number;

/** All cells of a shape, row-major. */
function tabulate(shape: Shape, cells: Cells): number[] {
  const strides = stridesOf(shape);
  return Array.from({ length: sizeOf(shape) }, (_, flat) =>
    cells(shape.map((size, axis) => Math.floor(flat / (strides[axis] as number)) % size)),
  );
}

function cellsOf(data: readonly number[], shape: Shape): Cells {
  const strides = stridesOf(shape);
  return (index) => data[index.reduce((sum, i, axis) => sum + i * (strides[axis] as number), 0)] as number;
}

function numbers(count: number, seed = 1): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + seed)) * 2);
}

interface Operand {
  readonly node: InputNode;
  readonly data: number[];
  readonly cells: Cells;
}

/** Runs `make` over inputs of the given shapes, and compares with `expected`, a rule per cell. */
function check(
  shapes: readonly Shape[],
  make: (b: Builder, ...nodes: Node[]) => Node,
  expected: (...cells: Cells[]) => Cells,
): void {
  const b = new Builder();
  const operands = shapes.map((shape, index): Operand => {
    const data = numbers(sizeOf(shape), 17 * index + 1);
    return { node: b.input(`x${index}`, shape), data, cells: cellsOf(data, shape) };
  });
  const value = make(b, ...operands.map((operand) => operand.node));
  const program = programOf(
    "check",
    operands.map((operand) => operand.node),
    [{ name: "y", value }],
  );
  const [got] = runHere(
    program,
    operands.map((operand) => operand.data),
    1,
  ) as [Float64Array];
  const want = tabulate(value.shape, expected(...operands.map((operand) => operand.cells)));
  expect(got.length).toBe(want.length);
  const near = (a: number, b: number): boolean =>
    Object.is(a, b) || Math.abs(a - b) <= 1e-13 * (1 + Math.abs(b));
  want.forEach((number, index) =>
    expect(got[index]).toSatisfy((x: number) => near(x, number), `near ${number}`),
  );
}

describe("elementwise", () => {
  test.each(Object.keys(unaryOps) as UnaryOp[])("%s", (op) => {
    check(
      [[2, 3]],
      (b, x) => b.unary(op, x),
      (x) => (i) => unaryOps[op](x(i)),
    );
  });
  test.each(Object.keys(binaryOps) as BinaryOp[])("%s", (op) => {
    check(
      [[2, 3], [3]],
      (b, x, y) => b.binary(op, x, y),
      (x, y) =>
        ([i, j]) =>
          binaryOps[op](x([i as number, j as number]), y([j as number])),
    );
  });
  test.each(Object.keys(compareOps) as CompareOp[])("%s and select", (op) => {
    check(
      [[4], [4], [4]],
      (b, ...[x, y, z]) => b.select(b.compare(op, x as Node, y as Node), z as Node, b.neg(x as Node)),
      (x, y, z) => (i) => (compareOps[op](x(i), y(i)) ? z(i) : -x(i)),
    );
  });
  test("round: halves to even, and −0 for what a negative number rounds up to", () => {
    const rounded = [-0.3, -0.5, -0, 0.5, 1.5, 2.5, -0.7, -1.5, -2.5, 0.49999999999999994].map(
      unaryOps.round,
    );
    expect(rounded).toEqual([-0, -0, -0, 0, 2, 2, -1, -2, -2, 0]);
    expect([Number.NaN, -Infinity, 1e300].map(unaryOps.round)).toEqual([Number.NaN, -Infinity, 1e300]);
  });

  test("logic, not, convert", () => {
    check(
      [[5]],
      (b, x) => {
        const node = x;
        const zero = b.constant(0);
        const [low, high] = [b.compare("lt", node, zero), b.compare("lt", b.constant(1), node)];
        return b.add(
          b.convert(b.logic("or", low, high), "float"),
          b.convert(b.convert(b.logic("and", b.not(low), b.not(high)), "int"), "float"),
        );
      },
      () => () => 1,
    );
    check(
      [[5]],
      (b, x) => b.convert(b.convert(x, "int"), "float"),
      (x) => (i) => Math.trunc(x(i)),
    );
  });
});

describe("reduce", () => {
  const floats = (Object.keys(reduceOps) as ReduceOp[]).filter((op) => op !== "any" && op !== "all");
  test.each(floats)("%s over the first and last of three axes", (op) => {
    const { start, step } = reduceOps[op];
    check(
      [[2, 3, 4]],
      (b, x) => b.reduce(op, x, [2, 0]),
      (x) =>
        ([j]) =>
          tabulate([2, 4], ([i, k]) => x([i as number, j as number, k as number])).reduce(
            (sum, cell) => step(sum, cell),
            start,
          ),
    );
  });
  test.each(["any", "all"] as const)("%s", (op) => {
    check(
      [[3, 2]],
      (b, x) => b.convert(b.reduce(op, b.compare("lt", x, b.constant(0)), [1]), "float"),
      (x) =>
        ([i]) => {
          const signs = [0, 1].map((j) => x([i as number, j]) < 0);
          return Number(op === "any" ? signs.includes(true) : !signs.includes(false));
        },
    );
  });
});

describe("movement", () => {
  test("reshape, transpose, broadcast", () => {
    check(
      [[2, 3]],
      (b, x) => b.reshape(x, [3, 2]),
      (x) =>
        ([i, j]) => {
          const flat = 2 * (i as number) + (j as number);
          return x([Math.floor(flat / 3), flat % 3]);
        },
    );
    check(
      [[2, 3, 4]],
      (b, x) => b.transpose(x, [2, 0, 1]),
      (x) =>
        ([i, j, k]) =>
          x([j as number, k as number, i as number]),
    );
    check(
      [[3, 1]],
      (b, x) => b.broadcast(x, [2, 3, 4]),
      (x) =>
        ([, j]) =>
          x([j as number, 0]),
    );
  });
  test("slice, also backwards; pad is its transpose", () => {
    const spec = { starts: [1, 5], steps: [1, -2], shape: [2, 3] };
    check(
      [[3, 6]],
      (b, x) => b.slice(x, spec),
      (x) =>
        ([i, j]) =>
          x([1 + (i as number), 5 - 2 * (j as number)]),
    );
    check(
      [[2, 3]],
      (b, x) => b.pad(x, { ...spec, shape: [3, 6] }),
      (x) =>
        ([i, j]) => {
          const [p, q] = [(i as number) - 1, (5 - (j as number)) / 2];
          return p >= 0 && Number.isInteger(q) && q >= 0 && q < 3 ? x([p, q]) : 0;
        },
    );
  });
  test("concat", () => {
    check(
      [
        [2, 1],
        [2, 3],
      ],
      (b, x, y) => b.concat([x, y], 1),
      (x, y) =>
        ([i, j]) =>
          (j as number) < 1 ? x([i as number, 0]) : y([i as number, (j as number) - 1]),
    );
  });
  test("gather and scatterAdd, indices repeated", () => {
    const picks = [2, 0, 2, 1];
    const indices = (b: Builder): Node => b.constant(picks, [2, 2], "int");
    check(
      [[2, 3, 2]],
      (b, x) => b.gather(x, indices(b), 1),
      (x) =>
        ([i, p, q, k]) =>
          x([i as number, picks[2 * (p as number) + (q as number)] as number, k as number]),
    );
    check(
      [[2, 2, 2, 2]],
      (b, x) => b.scatterAdd(x, indices(b), { axis: 1, size: 3 }),
      (x) =>
        ([i, j, k]) =>
          picks.reduce(
            (sum, pick, at) => sum + (pick === j ? x([i as number, at >> 1, at % 2, k as number]) : 0),
            0,
          ),
    );
  });
  test("gather refuses an index outside", () => {
    const b = new Builder();
    const x = b.input("x", [3]);
    const program = programOf("p", [x], [{ name: "y", value: b.gather(x, b.constant([3], [1], "int"), 0) }]);
    expect(() => interpret(program, [[1, 2, 3]], 1)).toThrow("JR202: index 3 lies outside an axis of size 3");
  });
  test("window and unwindow", () => {
    const spec = { axis: 1, size: 3, stride: 2, dilation: 2 };
    check(
      [[2, 9]],
      (b, x) => b.window(x, spec),
      (x) =>
        ([i, c, k]) =>
          x([i as number, 2 * (c as number) + 2 * (k as number)]),
    );
    check(
      [[2, 3, 3]],
      (b, x) => b.unwindow(x, { axis: 1, length: 10, stride: 2, dilation: 2 }),
      (x) =>
        ([i, j]) =>
          tabulate([3, 3], ([c, k]) =>
            2 * (c as number) + 2 * (k as number) === j ? x([i as number, c as number, k as number]) : 0,
          ).reduce((s, v) => s + v, 0),
    );
  });
  test("iota along each axis", () => {
    for (const axis of [0, 1])
      check(
        [],
        (b) => b.convert(b.iota([3, 2], axis), "float"),
        () => (index) => index[axis] as number,
      );
  });
});

describe("contract", () => {
  const sizes = [2, 3, 4, 5];
  test.each([
    ["matrix product", [0, 1], [1, 2], [0, 2]],
    ["long sums", [0, 3], [3, 1], [1, 0]],
    ["outer", [0], [1], [1, 0]],
    ["dot", [3], [3], []],
    ["matrix times vector", [0, 3], [3], [0]],
    ["batched", [0, 1, 2], [2, 0, 3], [3, 0, 1]],
    ["a label of one operand summed", [0, 1, 2], [2, 3], [3]],
    ["elementwise", [0, 1], [1, 0], [1, 0]],
    ["scalar factor", [], [1, 2], [2, 1]],
  ])("%s", (_, a, b, out) => {
    const shapeOf = (labels: readonly number[]): number[] => labels.map((label) => sizes[label] as number);
    const all = [0, 1, 2, 3].filter((label) => a.includes(label) || b.includes(label));
    check(
      [shapeOf(a), shapeOf(b)],
      (builder, x, y) => builder.contract(x, y, { a, b, out }),
      (x, y) => (index) => {
        const summed = all.filter((label) => !out.includes(label));
        const terms = tabulate(shapeOf(summed), (inner) => {
          const of = (label: number): number =>
            (out.includes(label) ? index[out.indexOf(label)] : inner[summed.indexOf(label)]) as number;
          return x(a.map(of)) * y(b.map(of));
        });
        return terms.reduce((sum, term) => sum + term, 0);
      },
    );
  });
});

describe("nesting", () => {
  test("scan: a running sum with a captured factor", () => {
    const inner = new Builder();
    const [carry, step, factor] = [
      inner.input("carry", [2]),
      inner.input("step", [2]),
      inner.input("factor", []),
    ];
    const next = inner.add(carry, inner.mul(step, factor));
    const body = programOf(
      "body",
      [carry, step, factor],
      [
        { name: "next", value: next },
        { name: "seen", value: inner.neg(carry) },
      ],
    );
    const scan = (b: Builder, nodes: Node[]): Node[] => {
      const [x, y, z] = nodes as [Node, Node, Node];
      return b.scan(body, 3, { carries: [x], perStep: [y], captured: [z] });
    };
    const partial =
      (x: Cells, y: Cells, z: Cells) =>
      (steps: number, cell: number): number =>
        x([cell]) + [0, 1, 2].slice(0, steps).reduce((sum, s) => sum + y([s, cell]) * z([]), 0);
    const shapes = [[2], [3, 2], []];
    check(
      shapes,
      (b, ...nodes) => scan(b, nodes)[0] as Node,
      (x, y, z) =>
        ([j]) =>
          partial(x, y, z)(3, j as number),
    );
    check(
      shapes,
      (b, ...nodes) => scan(b, nodes)[1] as Node,
      (x, y, z) =>
        ([s, j]) =>
          -partial(x, y, z)(s as number, j as number),
    );
  });
  test("call gives its body's value; stopGradient gives its operand's", () => {
    const inner = new Builder();
    const x = inner.input("x", [3]);
    const callee = {
      name: "twice",
      attributes: {},
      body: programOf("twice", [x], [{ name: "y", value: inner.add(x, x) }]),
    };
    check(
      [[3]],
      (b, a) => b.stopGradient(b.call(callee, [a])),
      (a) => (i) => 2 * a(i),
    );
  });
});
