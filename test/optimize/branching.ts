/**
 * Random networks with branches: residual blocks, attention, norms and gates over a few tokens.
 *
 * In: a source of choices. Out: a program of one input of tokens × width. Their Jacobians hold the sums and outer products that
 * `src/optimize/factor.ts` takes apart.
 */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { softmax } from "../../src/ir/library/index.ts";
import { at, range, sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program, Shape } from "../../src/ir/types.ts";
import type { Random } from "../ir/random.ts";

/** One network of up to `most` tokens of up to `width` numbers. */
export function branchingNetwork(
  draw: Random,
  { most = 6, width = 22 }: { most?: number; width?: number } = {},
): Program {
  const b = new Builder();
  const input = b.input("x", [draw.between(1, most), draw.between(Math.floor(width / 2), width)]);
  const weights = (shape: Shape): Node => {
    const scale = 1 / Math.sqrt(at(shape, 0));
    return b.constant(
      range(sizeOf(shape)).map(() => draw.signed(scale)),
      shape,
    );
  };
  const dense = (h: Node, size = at(h.shape, 1)): Node =>
    b.contract(h, weights([at(h.shape, 1), size]), { a: [0, 1], b: [1, 2], out: [0, 2] });
  let h: Node = input;
  for (const _ of range(draw.between(1, 3))) {
    const layer = draw.pick([residual, attention, gate, centred]);
    h = layer(b, h, dense);
  }
  const value = draw.chance(0.3) ? b.sum(h, [0]) : draw.chance(0.5) ? dense(h, draw.between(1, width)) : h;
  return programOf("branching", [input], [{ name: "y", value }]);
}

type Layer = (b: Builder, h: Node, dense: (h: Node, size?: number) => Node) => Node;

/** h + W tanh(V h) */
const residual: Layer = (b, h, dense) => {
  const width = at(h.shape, 1);
  return b.add(h, dense(b.unary("tanh", dense(h, 2 * width)), width));
};

/** h + softmax(Q Kᵀ) V */
const attention: Layer = (b, h, dense) => {
  const scores = b.contract(dense(h), dense(h), { a: [0, 2], b: [1, 2], out: [0, 1] });
  return b.add(h, b.contract(softmax(b, scores, 1), dense(h), { a: [0, 1], b: [1, 2], out: [0, 2] }));
};

/** A layer times another. */
const gate: Layer = (b, h, dense) => b.mul(dense(h), b.unary("tanh", dense(h)));

/** (h − mean) / √(1 + Σ (h − mean)²), for each token. */
const centred: Layer = (b, h, dense) => {
  const { shape } = h;
  const spread = (x: Node): Node => b.broadcast(b.reshape(x, [at(shape, 0), 1]), shape);
  const mean = b.mul(b.sum(h, [1]), b.constant(1 / at(shape, 1), [at(shape, 0)]));
  const away = b.sub(h, spread(mean));
  const square = b.add(b.sum(b.mul(away, away), [1]), b.constant(1, [at(shape, 0)]));
  return dense(b.mul(away, spread(b.div(b.constant(1, [at(shape, 0)]), b.unary("sqrt", square)))));
};
