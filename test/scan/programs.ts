/**
 * Random programs with loops, equal for equal seeds: nested, side by side and one after the other, with carries, per-step and
 * captured values of rows and shared ones, stacked results read whole, in part and backwards.
 */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { Random } from "../ir/random.ts";

/** What random loops may hold. */
export interface LoopOptions {
  /** Functions with kinks too. */
  readonly kinks?: boolean;
  /** Steps of one loop at most. */
  readonly steps?: number;
}

/** A random program with 1 to 3 loops: vectors of one length, a row's x and u (steps × length), shared w (length × length) and v. */
export function loopProgram(seed: number, options: LoopOptions = {}): Program {
  const random = new Random(seed);
  const b = new Builder();
  const size = random.between(1, 4);
  const maker = new Maker(random, { size, ...options });
  const stack = random.between(1, maker.most);
  const inputs = [
    b.input("x", [size]),
    b.input("w", [size, size], { level: "bound" }),
    b.input("u", [stack, size]),
    b.input("v", [stack, size], { level: "bound" }),
  ];
  const [x, w, u, v] = inputs as [InputNode, InputNode, InputNode, InputNode];
  const pool: Node[] = [x, row(b, u, 0), row(b, v, stack - 1)];
  for (const _ of range(random.between(1, 3))) {
    pool.push(...maker.values(b, { pool, matrices: [] }, 2));
    pool.push(...maker.loop(b, { pool, matrices: [w], stacks: [u, v] }, 2));
  }
  pool.push(...maker.values(b, { pool, matrices: [] }, 2));
  const outputs = range(random.between(1, 2)).map((index) => ({
    name: `y${index}`,
    value: at(pool, pool.length - 1 - index),
  }));
  return programOf(`loops ${seed}`, inputs, [
    ...outputs,
    { name: "end", value: pool.slice(-8).reduce((sum, each) => b.add(sum, each)) },
  ]);
}

/** What the body of a loop can reach. */
interface Reach {
  readonly pool: readonly Node[];
  readonly matrices: readonly Node[];
  readonly stacks: readonly Node[];
}

function row(b: Builder, stack: Node, index: number): Node {
  const size = at(stack.shape, 1);
  return b.reshape(b.slice(stack, { starts: [index, 0], steps: [1, 1], shape: [1, size] }), [size]);
}

class Maker {
  readonly most: number;
  readonly #random: Random;
  readonly #size: number;
  readonly #kinks: boolean;

  constructor(
    random: Random,
    { size, kinks = false, steps = 5 }: { size: number; kinks?: boolean; steps?: number },
  ) {
    this.#random = random;
    this.#size = size;
    this.#kinks = kinks;
    this.most = steps;
  }

  /** New values from old ones. */
  values(b: Builder, { pool, matrices }: Omit<Reach, "stacks">, count: number): Node[] {
    const made = [...pool];
    for (const _ of range(count)) {
      const [x, y] = [this.#random.pick(made.slice(-4)), this.#random.pick(made)];
      made.push(this.#value(b, [x, y], matrices));
    }
    return made.slice(pool.length);
  }

  #value(b: Builder, [x, y]: readonly [Node, Node], matrices: readonly Node[]): Node {
    const choice = this.#random.between(0, this.#kinks ? 8 : 6);
    const half = b.constant(0.5);
    if (choice === 0) return b.unary("sin", b.add(x, y));
    if (choice === 1) return b.unary("tanh", b.mul(x, y));
    if (choice === 2) return b.sub(x, b.mul(half, y));
    if (choice === 3) return b.div(x, b.add(b.constant(2), b.mul(y, y)));
    if (choice === 4) return b.slice(x, { starts: [this.#size - 1], steps: [-1], shape: [this.#size] });
    if (choice <= 6 && matrices.length > 0)
      return b.unary("tanh", b.contract(this.#random.pick(matrices), x, { a: [0, 1], b: [1], out: [0] }));
    if (choice === 7) return b.select(b.compare("lt", x, y), b.unary("sqrt", b.add(b.mul(x, x), half)), y);
    return choice === 8 ? b.binary("max", x, y) : b.add(b.unary("cos", x), y);
  }

  /** The results of a loop, as vectors. */
  loop(b: Builder, reach: Reach, depth: number): Node[] {
    const random = this.#random;
    const stack = random.chance(0.7) ? random.pick(reach.stacks) : undefined;
    const steps = stack === undefined ? random.between(1, this.most) : at(stack.shape, 0);
    const carries = range(random.between(1, 2)).map(() => random.pick(reach.pool));
    const backwards = stack && random.chance(0.5);
    const perStep = stack ? [backwards ? this.#reversed(b, stack) : stack] : [];
    const matrices = random.chance(0.7) ? [random.pick(reach.matrices)] : [];
    const others = random.chance(0.7) ? [random.pick(reach.pool)] : [];
    const stacks = depth > 1 && random.chance(0.5) ? [random.pick(reach.stacks)] : [];
    const captured = [...matrices, ...others, ...stacks];
    const body = this.#body({ carries, perStep, matrices, others, stacks }, depth);
    const results = b.scan(body, steps, { carries, perStep, captured });
    const ends = results.slice(0, carries.length);
    const ys = at(results, carries.length);
    return [...ends, row(b, ys, random.between(0, steps - 1)), b.sum(this.#reversed(b, ys), [0])];
  }

  #reversed(b: Builder, stack: Node): Node {
    const [steps, size] = stack.shape as [number, number];
    return b.slice(stack, { starts: [steps - 1, 0], steps: [-1, 1], shape: [steps, size] });
  }

  #body(
    operands: Record<"carries" | "perStep" | "matrices" | "others" | "stacks", readonly Node[]>,
    depth: number,
  ): Program {
    const b = new Builder();
    const inputs: InputNode[] = [];
    const enter = (list: readonly Node[], from = 0): InputNode[] =>
      list.map((node) => {
        const input = b.input(`i${inputs.length}`, node.shape.slice(from));
        inputs.push(input);
        return input;
      });
    const carries = enter(operands.carries);
    const perStep = enter(operands.perStep, 1);
    const matrices = enter(operands.matrices);
    const others = enter(operands.others);
    const stacks = enter(operands.stacks);
    const pool: Node[] = [...others, ...perStep, ...carries];
    pool.push(...this.values(b, { pool, matrices }, 4));
    if (stacks.length > 0 && depth > 1) {
      const reach = {
        pool,
        matrices: matrices.length > 0 ? matrices : [b.constant(0.3, [this.#size, this.#size])],
        stacks,
      };
      pool.push(...this.loop(b, reach, depth - 1));
      pool.push(...this.values(b, { pool, matrices }, 2));
    }
    const next = carries.map((carry, index) =>
      b.unary("sin", b.add(carry, at(pool, pool.length - 1 - index))),
    );
    const values = [...next, at(pool, pool.length - 2)];
    return programOf(
      "step",
      inputs,
      values.map((value, index) => ({ name: `r${index}`, value })),
    );
  }
}
