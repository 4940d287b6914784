/**
 * Cuts a part out of a graph: a copy of it in a builder of its own, where what lies outside becomes inputs.
 *
 * In: what is outside, then roots. Out: their copies, and the inputs by the nodes they stand for, in order of first use.
 */

import { Builder } from "./builder.ts";
import { derived, operandsOf } from "./graph.ts";
import { rebuild } from "./rebuild.ts";
import type { InputNode, Node } from "./types.ts";

/** See the file's header. */
export class Cut {
  /** What the part reads from outside, and the inputs that stand for it. */
  readonly inputs: Map<Node, InputNode> = new Map();
  readonly #builder = new Builder();
  readonly #copies = new Map<Node, Node>();
  readonly #isOutside: (node: Node) => boolean;

  constructor(isOutside: (node: Node) => boolean) {
    this.#isOutside = isOutside;
  }

  /** The node in the copied part. */
  copy(root: Node): Node {
    return derived(root, this.#copies, {
      needs: (node) => (this.#isOutside(node) ? [] : operandsOf(node)),
      make: (node) => this.#made(node),
    });
  }

  #made(node: Node): Node {
    if (!this.#isOutside(node))
      return rebuild(
        this.#builder,
        node,
        operandsOf(node).map((operand) => this.#copies.get(operand) as Node),
      );
    const level = node.level === "row" ? "row" : "bound";
    const input = this.#builder.input(`%${node.id}`, node.shape, { cell: node.cell, level });
    this.inputs.set(node, input);
    return input;
  }
}
