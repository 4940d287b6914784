/** Sums join the nest that makes what they add exactly where nothing else needs it, and compute the same. */

import { describe, expect, test } from "vitest";
import type { Builder } from "../../src/ir/builder.ts";
import type { Node } from "../../src/ir/types.ts";
import type { Lowered } from "../../src/lower/loops.ts";
import { checkLowered, numbers } from "./check.ts";
import { oneInput } from "./programs.ts";

const weights = (b: Builder, shape: readonly number[], seed: number): Node =>
  b.constant(
    [
      ...numbers(
        shape.reduce((size, length) => size * length, 1),
        seed,
      ),
    ],
    shape,
  );

/** Σ_j w[i, j]·y[j]. */
const layer = (b: Builder, y: Node, [outputs, seed]: readonly [number, number]): Node =>
  b.contract(weights(b, [outputs, y.shape[0] as number], seed), y, {
    a: [0, 1],
    b: [1],
    out: [0],
  });

const stages = ({ stages: list }: Lowered): string[] => list.map(({ kind }) => kind);

/** 20 hidden cells of a row of `inputs`, as a tanh layer. */
const hidden = (b: Builder, x: Node): Node =>
  b.unary("tanh", b.add(layer(b, x, [20, 1]), weights(b, [20], 2)));

describe("merged folds", () => {
  test("a value and its derivative read the hidden cells once, from no memory", () => {
    const program = oneInput([1], (b, x) => {
      const h = hidden(b, x);
      const slope = b.sub(b.constant(1, [20]), b.mul(h, h));
      return [layer(b, h, [1, 3]), layer(b, slope, [1, 4])];
    });
    const lowered = checkLowered(program);
    expect(stages(lowered)).toEqual(["nest"]);
    expect(lowered.scratchCells).toBe(3);
    expect(stages(checkLowered(program, { fuse: false })).length).toBeGreaterThan(2);
  });

  test("short products are written out, several results become as many sums", () => {
    const lowered = checkLowered(oneInput([3], (b, x) => layer(b, hidden(b, x), [5, 3])));
    expect(stages(lowered)).toEqual(["nest"]);
    const [nest] = lowered.stages;
    expect(nest?.kind === "nest" && nest.reduce?.folds.length).toBe(5);
  });

  test("more results than registers stay a product", () => {
    expect(stages(checkLowered(oneInput([3], (b, x) => layer(b, hidden(b, x), [9, 3]))))).toEqual([
      "product",
      "product",
    ]);
  });

  test("cells that are an output, too, are stored", () => {
    const both = oneInput([3], (b, x) => [hidden(b, x), layer(b, hidden(b, x), [2, 3])]);
    expect(stages(checkLowered(both))).toEqual(["product", "product"]);
  });

  test("cells that something else reads, too, are stored", () => {
    const program = oneInput([3], (b, x) => {
      const h = hidden(b, x);
      return [layer(b, h, [2, 3]), layer(b, h, [30, 4])];
    });
    expect(stages(checkLowered(program))).toEqual(["product", "product", "product"]);
  });

  test("a sum that needs another's result does not join it", () => {
    checkLowered(
      oneInput([30], (b, x) => {
        const y = b.unary("exp", b.unary("sin", x));
        const total = b.broadcast(b.reshape(b.reduce("reduceSum", y, [0]), [1]), [30]);
        return b.reduce("reduceSum", b.mul(y, b.unary("tanh", b.mul(total, y))), [0]);
      }),
    );
  });

  test("sums along one axis keep a loop over the other", () => {
    const lowered = checkLowered(
      oneInput([6, 30], (b, x) => {
        const y = b.unary("tanh", b.unary("exp", x));
        return [b.reduce("reduceSum", y, [1]), b.reduce("reduceMax", b.mul(y, y), [1])];
      }),
    );
    expect(lowered.stages.length).toBeLessThanOrEqual(2);
  });

  test("sums along different axes both read what is stored", () => {
    checkLowered(
      oneInput([6, 30], (b, x) => {
        const y = b.unary("tanh", b.unary("exp", x));
        return [b.reduce("reduceSum", y, [1]), b.reduce("reduceSum", y, [0])];
      }),
    );
  });
});
