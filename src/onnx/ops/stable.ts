/**
 * Patterns that exporters write out and that lose digits or derivatives, recognised in the IR.
 *
 * log(sigmoid x), log(softmax x), log(Σ eˣ) and √(Σ x²) become the stable functions, whose values and slopes are
 * right at ±800 and at 0.
 */

import type { Builder } from "../../ir/builder.ts";
import { logSigmoid, logSoftmax, logsumexp, norm2 } from "../../ir/library/index.ts";
import { at } from "../../ir/shape.ts";
import type { CallNode, Node } from "../../ir/types.ts";

/** log x. */
export function logOf(b: Builder, x: Node): Node {
  const source = behindReshape(x);
  const [sigmoid, softmax] = [callOf(source, "sigmoid"), callOf(source, "softmax")];
  if (sigmoid !== undefined) return b.reshape(logSigmoid(b, at(sigmoid.args, 0)), x.shape);
  if (softmax !== undefined)
    return b.reshape(logSoftmax(b, at(softmax.args, 0), softmax.callee.attributes["axis"]), x.shape);
  if (source.op === "reduceSum" && source.a.op === "exp" && source.axes.length === 1) {
    return b.reshape(logsumexp(b, source.a.a, at(source.axes, 0)), x.shape);
  }
  return b.unary("log", x);
}

/** √x. */
export function rootOf(b: Builder, x: Node): Node {
  const source = behindReshape(x);
  if (source.op === "reduceSum" && source.a.op === "mul" && source.a.a === source.a.b) {
    return b.reshape(norm2(b, source.a.a, source.axes), x.shape);
  }
  return b.unary("sqrt", x);
}

function behindReshape(x: Node): Node {
  return x.op === "reshape" ? x.a : x;
}

function callOf(node: Node, name: string): CallNode | undefined {
  return node.op === "call" && node.callee.name === name ? node : undefined;
}
