/** Programs that lowering is tested on: nets, reductions, views, gathers, windows. */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";

export interface Layer {
  readonly weights: Node;
  readonly bias: Node;
}

/** y = W x + b with bound W (m, k). */
export function dense(b: Builder, x: Node, { weights, bias }: Layer): Node {
  return b.add(b.contract(weights, x, { a: [0, 1], b: [1], out: [0] }), bias);
}

/** A tanh net and its Jacobian by reverse mode, cotangent seeds side by side: S (d_o, features). */
export function netJacobian(sizes: readonly number[]): Program {
  const b = new Builder();
  const x = b.input("x", [at(sizes, 0)]);
  const layers = range(sizes.length - 1).map((index) => layer(b, index, sizes));
  const inputs = [x, ...layers.flatMap(({ weights, bias }) => [weights as InputNode, bias as InputNode])];
  let h: Node = x;
  const slopes: Node[] = [];
  layers.forEach((own, index) => {
    h = dense(b, h, own);
    if (index === layers.length - 1) return;
    h = b.unary("tanh", h);
    slopes.push(b.sub(b.constant(1), b.mul(h, h)));
  });
  const jacobian = backward(b, layers, slopes);
  return programOf("net", inputs, [
    { name: "y", value: h },
    { name: "jacobian", value: jacobian },
  ]);
}

function layer(b: Builder, index: number, sizes: readonly number[]): Layer {
  const [k, m] = [at(sizes, index), at(sizes, index + 1)];
  return {
    weights: b.input(`W${index}`, [m, k], { level: "bound" }),
    bias: b.input(`b${index}`, [m], { level: "bound" }),
  };
}

/** cotangent (d_o, m) times diag(slope) times W, from the last layer to the first. */
function backward(b: Builder, layers: readonly Layer[], slopes: readonly Node[]): Node {
  let cotangent = (layers.at(-1) as Layer).weights;
  for (const [index, slope] of [...slopes.entries()].reverse()) {
    cotangent = b.contract(b.mul(cotangent, slope), (layers[index] as Layer).weights, {
      a: [0, 1],
      b: [1, 2],
      out: [0, 2],
    });
  }
  return cotangent;
}

/** A program of one input of the shape and one output. */
export function oneInput(shape: readonly number[], body: (b: Builder, x: Node) => Node | Node[]): Program {
  const b = new Builder();
  const x = b.input("x", shape);
  const result = body(b, x);
  const values = Array.isArray(result) ? result : [result];
  return programOf(
    "test",
    [x],
    values.map((value, index) => ({ name: `y${index}`, value })),
  );
}

export function softmax(b: Builder, x: Node): Node {
  const axis = x.shape.length - 1;
  const column = (node: Node): Node => b.reshape(node, [...node.shape, 1]);
  const e = b.unary("exp", b.sub(x, column(b.reduce("reduceMax", x, [axis]))));
  return b.div(e, column(b.sum(e, [axis])));
}

export function layerNorm(b: Builder, x: Node): Node {
  const n = b.constant(at(x.shape, 0));
  const centred = b.sub(x, b.reshape(b.div(b.sum(x, [0]), n), [1]));
  const variance = b.div(b.sum(b.mul(centred, centred), [0]), n);
  return b.div(centred, b.reshape(b.unary("sqrt", b.add(variance, b.constant(1e-5))), [1]));
}
