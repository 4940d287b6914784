/**
 * Attention and RotaryEmbedding (opset 23).
 *
 * Queries of a group share their keys' head: Q is (batch, heads, group, queries, size) against K (batch, heads, keys, size), so no
 * key is repeated. Scores are Q Kᵀ · scale, soft-capped, masked, and normalised over the keys.
 */

import { softmax } from "../../ir/library/index.ts";
import { at } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { contraction } from "../contraction.ts";
import { elementwise, mapped } from "../elementwise.ts";
import { plain, symbolicShape } from "../layout.ts";
import { reshaped } from "../reshape.ts";
import type { Value } from "../value.ts";
import { added } from "./arithmetic.ts";
import { transpose } from "./axes.ts";
import { type OperatorTable, row } from "./operator.ts";
import { along, requireNoBatch } from "./reductions.ts";
import { joined } from "./slices.ts";

/** (batch, steps, heads·size) as (batch, heads, steps, size). */
function splitHeads(call: Call, x: Value, heads: number): Value {
  if (x.rank === 4) return x;
  const [batch, steps] = symbolicShape(x.layout);
  const width = at(x.layout.sizes, 2);
  if (heads < 1 || width % heads !== 0) call.malformed(`${width} features are not ${heads} heads.`);
  return transpose(call, reshaped(call, x, [batch ?? 1, steps ?? 1, heads, width / heads]), [0, 2, 1, 3]);
}

function attention(call: Call): Value[] {
  const [first, second, third] = [call.input(0), call.input(1), call.input(2)];
  const q = splitHeads(call, first, call.int("q_num_heads", 0));
  const k = withPast(call, splitHeads(call, second, call.int("kv_num_heads", 0)), 4);
  const v = withPast(call, splitHeads(call, third, call.int("kv_num_heads", 0)), 5);
  if (call.inputs[6] !== undefined) call.unsupported("its input nonpad_kv_seqlen is not read.");
  const past =
    at(k.layout.sizes, 2) - (second.rank === 4 ? at(second.layout.sizes, 2) : at(second.layout.sizes, 1));
  const { probabilities, stages } = weightsOf(call, { q, k, past });
  const y = fromGroups(
    call,
    contraction(
      call,
      [
        { value: toGroups(call, probabilities, k), labels: [0, 1, 5, 2, 3] },
        { value: v, labels: [0, 1, 3, 4] },
      ],
      [0, 1, 5, 2, 4],
    ),
  );
  const asGiven = first.rank === 4 ? y : mergedHeads(call, y);
  return [asGiven, k, v, at(stages, call.int("qk_matmul_output_mode", 0))];
}

function mergedHeads(call: Call, y: Value): Value {
  const turned = transpose(call, y, [0, 2, 1, 3]);
  const [batch, steps] = symbolicShape(turned.layout);
  return reshaped(call, turned, [
    batch ?? 1,
    steps ?? 1,
    at(turned.layout.sizes, 2) * at(turned.layout.sizes, 3),
  ]);
}

function withPast(call: Call, x: Value, input: number): Value {
  const past = call.inputs[input];
  return past === undefined ? x : joined(call, [past, x], 2);
}

/** (batch, heads, …) as (batch, key heads, group, …). */
function toGroups(call: Call, x: Value, k: Value): Value {
  const [batch] = symbolicShape(x.layout);
  const [, heads, steps, size] = x.layout.sizes as [number, number, number, number];
  const own = at(k.layout.sizes, 1);
  if (heads % own !== 0) call.malformed(`${heads} heads of queries do not share ${own} heads of keys.`);
  return reshaped(call, x, [batch ?? 1, own, heads / own, steps, size]);
}

function fromGroups(call: Call, x: Value): Value {
  const [batch] = symbolicShape(x.layout);
  const [, own, group, steps, size] = x.layout.sizes as [number, number, number, number, number];
  return reshaped(call, x, [batch ?? 1, own * group, steps, size]);
}

/** The attention weights, and the stages that the fourth output may ask for. */
function weightsOf(
  call: Call,
  { q, k, past }: { q: Value; k: Value; past: number },
): { probabilities: Value; stages: Value[] } {
  const scale = call.float("scale", 1 / Math.sqrt(at(q.layout.sizes, 3)));
  const products = fromGroups(
    call,
    contraction(
      call,
      [
        { value: toGroups(call, q, k), labels: [0, 1, 5, 2, 4] },
        { value: k, labels: [0, 1, 3, 4] },
      ],
      [0, 1, 5, 2, 3],
    ),
  );
  const scores = mapped(call, products, (b, x) => b.mul(b.constant(scale), x));
  const cap = call.float("softcap", 0);
  const capped =
    cap === 0
      ? scores
      : mapped(call, scores, (b, x) =>
          b.mul(b.constant(cap), b.unary("tanh", b.mul(b.constant(1 / cap), x))),
        );
  const masked = causal(call, maskedBy(call, capped, call.inputs[3]), past);
  requireNoBatch(call, masked, { axes: [3], what: "normalising along" });
  const { node, axes } = along(call, masked, [3]);
  const probabilities = call.value(softmax(call.b, node, at(axes, 0)), masked.layout);
  return { probabilities, stages: [scores, capped, masked, probabilities] };
}

/** A mask of bools says which keys count; one of floats is added. Missing keys at its end do not count. */
function maskedBy(call: Call, scores: Value, mask: Value | undefined): Value {
  if (mask === undefined) return scores;
  if (at(mask.layout.sizes, mask.rank - 1) !== at(scores.layout.sizes, 3))
    call.unsupported("a mask shorter than the keys is not read.");
  return mask.dtype === "bool" ? keptWhere(call, scores, mask) : added(call, scores, mask);
}

function keptWhere(call: Call, scores: Value, mask: Value): Value {
  return elementwise(call, [scores, mask], {
    emit: (b, [x, kept]) => b.select(kept as Node, x as Node, b.constant(Number.NEGATIVE_INFINITY)),
  });
}

/** Query i sees the keys up to past + i. */
function causal(call: Call, scores: Value, past: number): Value {
  if (call.int("is_causal", 0) === 0) return scores;
  const { b } = call;
  const [, , queries, keys] = scores.layout.sizes as [number, number, number, number];
  const latest = b.add(b.iota([queries, keys], 0), b.constant(past, [], "int"));
  const mask = call.value(
    b.compare("le", b.iota([queries, keys], 1), latest),
    plain([queries, keys]),
    "bool",
  );
  return keptWhere(call, scores, mask);
}

/** Attention by name. */
export const attentionOperators: OperatorTable = { Attention: row(23, attention) };
