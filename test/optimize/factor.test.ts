/** Contractions taken apart: the same numbers from fewer multiplications, and only where that is so. */

import { describe, expect, test } from "vitest";
import { countNodes, jacobianProgram } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf, topologicalOrder } from "../../src/ir/graph.ts";
import { at, range, sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program, Shape } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { inlineCalls, simplify } from "../../src/optimize/optimize.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { differences, distance, valuesAt } from "../autodiff/differences.ts";
import { Random } from "../ir/random.ts";
import { randomInputs } from "../ir/random-program.ts";
import { branchingNetwork } from "./branching.ts";

type Make = (b: Builder, x: Node, y: Node) => Node;

function programFor(shapes: readonly Shape[], make: Make): Program {
  const b = new Builder();
  const inputs = shapes.map((shape, index) => b.input("abc"[index] as string, shape));
  return programOf("f", inputs, [{ name: "y", value: make(b, ...(inputs as [Node, Node])) }]);
}

/** Multiplications a row before and after; the values must agree. */
function multiplications(shapes: readonly Shape[], make: Make): [before: number, after: number] {
  return compared(programFor(shapes, make), 5);
}

function compared(program: Program, seed: number): [before: number, after: number] {
  const better = simplify(program);
  verify(better);
  const inputs = randomInputs(program, 2, seed);
  const [want, got] = [program, better].map((each) => interpret(each, inputs, 2));
  want?.forEach((values, output) => {
    expect(distance(at(got as Float64Array[], output), values), `seed ${seed}`).toBeLessThan(1e-12);
  });
  return [multiplicationsOf(program), multiplicationsOf(better)];
}

const multiplicationsOf = ({ outputs }: Program): number =>
  countNodes(outputs.map(({ value }) => value)).multiplications;

const weights = (b: Builder, shape: Shape): Node =>
  b.constant(
    Float64Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(1 + 7 * index)),
    shape,
  );
/** a [j, c] times b [s, c], as a value of the axes (j, s, c). */
const spread = (b: Builder, x: Node, y: Node): Node => {
  const [j, c] = x.shape as [number, number];
  const s = y.shape[0] as number;
  const shape = [j, s, c];
  return b.mul(b.broadcast(b.reshape(x, [j, 1, c]), shape), b.broadcast(b.reshape(y, [1, s, c]), shape));
};
const SPREAD = { a: [0, 1, 2], b: [2, 3], out: [0, 1, 3] };

describe("what is taken apart", () => {
  test("an outer product, where an axis is summed that one factor lacks", () => {
    const make: Make = (b, x, y) => {
      const shape = [8, 9, 4, 16];
      const outer = b.mul(
        b.broadcast(b.reshape(x, [8, 1, 4, 16]), shape),
        b.broadcast(b.reshape(y, [1, 9, 4, 1]), shape),
      );
      return b.contract(outer, weights(b, [4, 16, 20]), { a: [0, 1, 2, 3], b: [2, 3, 4], out: [0, 1, 4] });
    };
    const [before, after] = multiplications(
      [
        [8, 4, 16],
        [9, 4],
      ],
      make,
    );
    expect(before).toBe(8 * 9 * 4 * 16 * 21);
    expect(after).toBe(8 * 4 * 16 * 20 + 8 * 9 * 4 * 20);
  });
  test("a sum of a diagonal and an outer product", () => {
    const make: Make = (b, x, y) => {
      const rank = b.mul(
        b.broadcast(b.reshape(x, [30, 1]), [30, 40]),
        b.broadcast(b.reshape(y, [1, 40]), [30, 40]),
      );
      const sum = b.sub(
        rank,
        b.mul(
          b.constant(3, [30, 40]),
          b.broadcast(x.op === "input" ? b.reshape(x, [30, 1]) : rank, [30, 40]),
        ),
      );
      return b.contract(sum, weights(b, [40, 20]), { a: [0, 1], b: [1, 2], out: [0, 2] });
    };
    const [before, after] = multiplications([[30], [40]], make);
    expect(before).toBeGreaterThan(24000);
    expect(after).toBeLessThan(4000);
  });
  test("two layers of constants, through a sum that another layer reads too", () => {
    const make: Make = (b, x) => {
      const h = b.matmul(weights(b, [128, 8]), x);
      const y = b.matmul(weights(b, [100, 128]), h);
      return b.concat([h, y], 0);
    };
    expect(multiplications([[8]], make)).toEqual([128 * 8 + 128 * 100, 128 * 8 + 100 * 8]);
  });
});

/** What is multiplied with what. */
const products = (program: Program): string[] =>
  nodesOf(program).flatMap((node) =>
    node.op === "contract" ? [`${node.a.op} ${node.b.op} ${node.shape}`] : [],
  );

describe("what stays", () => {
  const unchanged = (shapes: readonly Shape[], make: Make): void => {
    const program = programFor(shapes, make);
    expect(products(simplify(program))).toEqual(products(program));
  };
  test("a narrow middle", () => {
    unchanged([[128]], (b, x) => b.matmul(weights(b, [100, 4]), b.matmul(weights(b, [4, 128]), x)));
  });
  test("weights that are inputs: their product would be formed at every bind", () => {
    const b = new Builder();
    const [x, v, w] = [
      b.input("x", [8]),
      b.input("v", [128, 8], { level: "bound" }),
      b.input("w", [90, 128], { level: "bound" }),
    ];
    const program = programOf("f", [x, v, w], [{ name: "y", value: b.matmul(w, b.matmul(v, x)) }]);
    expect(products(simplify(program))).toEqual(products(program));
  });
  test("differences of what is given: they are exact where it is nearly equal", () => {
    const apart: Make = (b, x) => {
      const [down, across] = [b.reshape(x, [30, 1]), b.reshape(x, [1, 30])];
      return b.sub(b.broadcast(down, [30, 30]), b.broadcast(across, [30, 30]));
    };
    unchanged([[30]], (b, x, y) =>
      b.contract(apart(b, x, y), weights(b, [30, 40]), { a: [0, 1], b: [1, 2], out: [0, 2] }),
    );
  });
  test("a product cell by cell that no factor repeats along the summed axis of", () => {
    unchanged([[20, 30], [30]], (b, x, y) =>
      b.contract(b.mul(x, b.broadcast(y, [20, 30])), weights(b, [30, 40]), {
        a: [0, 1],
        b: [1, 2],
        out: [0, 2],
      }),
    );
  });
  test("ones and zeros that only choose cells", () => {
    unchanged(
      [
        [30, 8],
        [30, 8],
      ],
      (b, x, y) => {
        const shape = [8, 32];
        const chosen = b.convert(b.compare("eq", b.iota(shape, 0), b.iota(shape, 1)), "float");
        return b.contract(spread(b, x, y), chosen, SPREAD);
      },
    );
  });
});

/** A random value of some axes: sums, products and contractions of inputs and constants that repeat along axes they lack. */
function randomValue(b: Builder, axes: readonly number[], { draw, sizes, depth }: Drawing): Node {
  const next = { draw, sizes, depth: depth - 1 };
  const value = (): Node => randomValue(b, axes, next);
  const shapeOf = (some: readonly number[]): number[] => some.map((axis) => at(sizes, axis));
  const kind = depth === 0 ? "leaf" : draw.pick(["add", "sub", "mul", "mul", "contract", "leaf"] as const);
  if (kind === "contract") {
    const summed = draw.between(0, sizes.length - 1);
    const [left, right] = [axes, draw.shuffled(axes).slice(1)].map((some) => [
      ...some.filter((axis) => axis !== summed),
      summed,
    ]) as [number[], number[]];
    // The summed axis may be one of the value's own, which the product is then repeated along.
    const out = axes.filter((axis) => axis !== summed);
    const operands = [randomValue(b, left, next), weights(b, shapeOf(right))] as const;
    const inner = b.contract(...operands, { a: left, b: right, out });
    return b.broadcast(b.reshape(inner, thinShape(axes, out, sizes)), shapeOf(axes));
  }
  if (kind !== "leaf") return b.binary(kind, value(), value());
  const own = axes.filter(() => draw.chance(0.6));
  const leaf = draw.chance(0.3)
    ? weights(b, shapeOf(own))
    : b.unary(draw.pick(["sin", "cos", "tanh"] as const), b.input(`x${draw.between(0, 1e9)}`, shapeOf(own)));
  return b.broadcast(b.reshape(leaf, thinShape(axes, own, sizes)), shapeOf(axes));
}

interface Drawing {
  readonly draw: Random;
  readonly sizes: readonly number[];
  readonly depth: number;
}

const thinShape = (
  axes: readonly number[],
  own: readonly number[],
  sizes: readonly number[],
): readonly number[] => axes.map((axis) => (own.includes(axis) ? at(sizes, axis) : 1));

/** A contraction of random values, with values that others read too. */
function randomContraction(seed: number): Program {
  const draw = new Random(seed);
  const b = new Builder();
  const sizes = [draw.between(5, 9), draw.between(5, 9), draw.between(3, 9), draw.between(2, 9)];
  const [left, right] = [[0, 1, 2], draw.shuffled([1, 2, 3]).slice(draw.between(0, 1))];
  const operands = [left, right].map((axes) => randomValue(b, axes, { draw, sizes, depth: 3 })) as [
    Node,
    Node,
  ];
  const out = draw
    .shuffled(draw.chance(0.5) ? [0, 1, 3] : [0, 3])
    .filter((axis) => axis < 3 || right.includes(axis));
  const value = b.contract(...operands, { a: left, b: right, out });
  const all = topologicalOrder([value]);
  const inputs = all.filter((node): node is InputNode => node.op === "input");
  const shared = all.filter((node) => node.level === "row" && draw.chance(0.1));
  return programOf(
    "random",
    inputs,
    [value, ...shared].map((each, index) => ({ name: `y${index}`, value: each })),
  );
}

describe("random sums of products", () => {
  test("keep their values, and some take less than half", () => {
    const fewer = range(150).filter((seed) => {
      const [before, after] = compared(randomContraction(seed), seed);
      return 2 * after < before;
    });
    expect(fewer.length).toBeGreaterThan(15);
  });
});

describe("Jacobians of random networks", () => {
  const MODES = ["forward", "reverse", "auto"] as const;
  test.each(range(12))("every mode equals differences, seed %i", (seed) => {
    const program = branchingNetwork(new Random(seed));
    const inputs = randomInputs(program, 1, seed);
    const expected = differences(inlineCalls(program), inputs, { output: 0, wrt: 0 });
    for (const mode of MODES) {
      const jacobian = prepared(jacobianProgram(program, { wrt: [0], mode }));
      verify(jacobian);
      expect(distance(at(valuesAt(jacobian, inputs), 0), expected), mode).toBeLessThan(1e-6);
    }
  });
});
