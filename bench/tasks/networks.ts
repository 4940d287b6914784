/** Networks whose Jacobians have cheaper orders than forward and reverse mode: chains, bottlenecks, branches. */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { softmax } from "../../src/ir/library/index.ts";
import type { Node, Output, Program } from "../../src/ir/types.ts";

/** A layer network over shared weights, which are inputs w0, b0, w1, … of the program. */
class Network {
  readonly b: Builder = new Builder();
  readonly x: Extract<Node, { op: "input" }>;
  readonly #weights: Extract<Node, { op: "input" }>[] = [];

  constructor(shape: readonly number[]) {
    this.x = this.b.input("x", shape);
  }

  weights(shape: readonly number[]): Node {
    const node = this.b.input(`w${this.#weights.length}`, shape, { level: "bound" });
    this.#weights.push(node);
    return node;
  }

  /** W h + bias. */
  dense(h: Node, out: number): Node {
    const w = this.weights([out, h.shape[0] as number]);
    return this.b.add(this.b.contract(w, h, { a: [0, 1], b: [1], out: [0] }), this.weights([out]));
  }

  tanh(h: Node): Node {
    return this.b.unary("tanh", h);
  }

  program(name: string, outputs: Readonly<Record<string, Node>>): Program {
    const named = Object.entries(outputs).map(([key, value]): Output => ({ name: key, value }));
    return programOf(name, [this.x, ...this.#weights], named);
  }
}

/** sizes[0]-…-sizes[k] with tanh between the layers. */
export function chain(sizes: readonly number[]): Program {
  const net = new Network([sizes[0] as number]);
  const y = sizes
    .slice(1)
    .reduce((h: Node, size, layer) => net.dense(layer === 0 ? h : net.tanh(h), size), net.x);
  return net.program(sizes.join("-"), { y });
}

/** blocks of h + W tanh(V h), between a layer in and a layer out. */
export function residual(sizes: { in: number; width: number; out: number; blocks: number }): Program {
  const net = new Network([sizes.in]);
  let h = net.dense(net.x, sizes.width);
  for (let block = 0; block < sizes.blocks; block++)
    h = net.b.add(h, net.dense(net.tanh(net.dense(h, sizes.width)), sizes.width));
  return net.program("residual", { y: net.dense(h, sizes.out) });
}

/** One trunk, two outputs of unlike sizes. */
export function twoHeads(sizes: { in: number; width: number; heads: readonly [number, number] }): Program {
  const net = new Network([sizes.in]);
  const trunk = net.tanh(net.dense(net.tanh(net.dense(net.x, sizes.width)), sizes.width));
  const head = (out: number): Node => net.dense(net.tanh(net.dense(trunk, sizes.width)), out);
  return net.program("two heads", { first: head(sizes.heads[0]), second: head(sizes.heads[1]) });
}

/** One head of self-attention over a few tokens, then a mean over them. */
export function attention(sizes: { tokens: number; width: number; inner: number; out: number }): Program {
  const { tokens, width, inner, out } = sizes;
  const net = new Network([tokens, width]);
  const { b, x } = net;
  const project = (): Node =>
    b.contract(x, net.weights([width, inner]), { a: [0, 1], b: [1, 2], out: [0, 2] });
  const [query, key, value] = [project(), project(), project()];
  const scores = b.contract(query, key, { a: [0, 2], b: [1, 2], out: [0, 1] });
  const mixed = b.contract(softmax(b, scores, 1), value, { a: [0, 1], b: [1, 2], out: [0, 2] });
  const pooled = b.mul(b.constant(1 / tokens), b.sum(mixed, [0]));
  return net.program("attention", { y: net.dense(pooled, out) });
}
