/** Large values run slice by slice: the stages between them become the body of a loop, and give what they gave before. */

import { describe, expect, test } from "vitest";
import type { Builder } from "../../src/ir/builder.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import type { Lowered, Stage } from "../../src/lower/loops.ts";
import { checkLowered, numbers } from "./check.ts";
import { oneInput } from "./programs.ts";

const [SEEDS, PLACES, WIDTH] = [8, 64, 40];

const constant = (b: Builder, shape: readonly number[], seed: number): Node =>
  b.constant(numbers(sizeOf(shape), seed), shape);

/** (seed, place, width): numbers times tanh of the row's places. */
function seeded(b: Builder, x: Node): Node {
  const shape = [SEEDS, PLACES, WIDTH];
  return b.mul(constant(b, shape, 1), b.broadcast(b.reshape(b.unary("tanh", x), [PLACES, 1]), shape));
}

/** The last axis times weights. */
const layer = (b: Builder, value: Node, width: number): Node =>
  b.contract(value, constant(b, [value.shape[2] as number, width], width), {
    a: [0, 1, 2],
    b: [2, 3],
    out: [0, 1, 3],
  });

const ofRow = (f: (b: Builder, x: Node) => Node): Program => oneInput([PLACES], f);

const loops = ({ stages }: Lowered): Extract<Stage, { kind: "repeat" }>[] =>
  stages.filter((stage) => stage.kind === "repeat");

describe("slices", () => {
  test("a chain over seeds is one loop, and hands on one slice", () => {
    const program = ofRow((b, x) => layer(b, b.unary("tanh", layer(b, seeded(b, x), 48)), 3));
    const lowered = checkLowered(program);
    expect(loops(lowered).map(({ axis, stages }) => [axis.size, stages.length])).toEqual([[SEEDS, 3]]);
    expect(lowered.scratchCells).toBeLessThan(PLACES * (WIDTH + 48) * 2);
  });
  test("what the loop does not change is made before it", () => {
    const program = ofRow((b, x) => {
      const first = layer(b, seeded(b, x), WIDTH);
      const factor = b.unary("exp", b.unary("sin", b.sum(b.mul(x, x), [0])));
      return layer(b, b.mul(first, b.broadcast(factor, first.shape)), 3);
    });
    const lowered = checkLowered(program);
    const [loop] = loops(lowered);
    expect(loop?.axis.size).toBe(SEEDS);
    expect(lowered.stages.at(-1)).toBe(loop);
  });
  test("a sum over slices ends the loop, and its operand stays whole", () => {
    const program = ofRow((b, x) => {
      const first = layer(b, layer(b, seeded(b, x), WIDTH), WIDTH);
      return b.contract(first, constant(b, [SEEDS, 5], 3), { a: [0, 1, 2], b: [0, 3], out: [3, 1, 2] });
    });
    const lowered = checkLowered(program);
    expect(loops(lowered).map(({ axis }) => axis.size)).toEqual([SEEDS]);
    expect(lowered.stages.at(-1)?.kind).toBe("product");
  });
  test("slices read one place further are no slices", () => {
    const program = ofRow((b, x) => {
      const first = layer(b, seeded(b, x), WIDTH);
      const later = b.slice(first, {
        starts: [1, 0, 0],
        steps: [1, 1, 1],
        shape: [SEEDS - 1, PLACES, WIDTH],
      });
      return layer(b, later, 3);
    });
    const reads = loops(checkLowered(program)).flatMap(({ stages }) => stages);
    expect(reads.length).toBeLessThan(3);
  });
  test("positions in values keep their axis", () => {
    const program = ofRow((b, x) => {
      const shape = [SEEDS, PLACES, WIDTH];
      const place = b.convert(b.iota(shape, 0), "float");
      return layer(b, layer(b, b.mul(seeded(b, x), place), WIDTH), 3);
    });
    checkLowered(program);
  });
  test("small values have no loops", () => {
    const program = oneInput([4], (b, x) => {
      const cells = b.mul(constant(b, [3, 4, 5], 1), b.broadcast(b.reshape(x, [4, 1]), [3, 4, 5]));
      return layer(b, layer(b, cells, 6), 2);
    });
    expect(loops(checkLowered(program))).toEqual([]);
  });
});
