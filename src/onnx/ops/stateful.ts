/**
 * Operators with a state that the caller carries from call to call (opset 27): CausalConvWithState and LinearAttention.
 *
 * The batch may be the first axis of every tensor. Steps of attention are unrolled: the state S is (heads, key size,
 * value size), and a step adds k ⊗ u to it, with u = v, or what v lacks of what S says already.
 */

import type { Builder } from "../../ir/builder.ts";
import { silu } from "../../ir/library/index.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { requireBatchFirst } from "./spatial.ts";

/** Refuses tensors of rows beside the first that do not carry the batch as it does. */
function requireAlike(call: Call, first: Value, others: readonly (Value | undefined)[]): void {
  for (const other of others.filter((value) => value !== undefined)) {
    if (other.layout.batch?.axis !== first.layout.batch?.axis)
      call.mixes("its tensors do not carry the batch alike");
  }
}

/** Each channel's own filter over the present and what the state remembers. */
const causalConvolution: Operator = row(27, (call) => {
  const [x, w, bias, past] = [call.input(0), call.input(1), call.inputs[2], call.inputs[3]];
  requireBatchFirst(call, x);
  requireAlike(call, x, [past]);
  const { b } = call;
  const [samples, channels, length] = x.layout.sizes as [number, number, number];
  const size = at(w.layout.sizes, 2);
  const state = past === undefined ? b.constant(0, [samples, channels, size - 1]) : full(b, past);
  const whole = size === 1 ? full(b, x) : b.concat([state, full(b, x)], 2);
  const cells = b.window(whole, { axis: 2, size, stride: 1, dilation: 1 });
  const filters = b.reshape(full(b, w), [channels, size]);
  const sums = b.contract(cells, filters, { a: [0, 1, 2, 3], b: [1, 3], out: [0, 1, 2] });
  const y = bias === undefined ? sums : b.add(sums, b.reshape(full(b, bias), [channels, 1]));
  const active = call.text("activation", "none") === "none" ? y : silu(b, y);
  const kept = b.part(whole, { axis: 2, start: length, count: size - 1 });
  return [call.value(active, x.layout), call.value(kept, layout(kept.shape, x.layout.batch))];
});

/** Step t of a tensor (batch, steps, heads · size) as (batch, heads, size). */
function stepOf(b: Builder, x: Node, { step, heads }: { step: number; heads: number }): Node {
  const [samples, , width] = x.shape as [number, number, number];
  return b.reshape(b.part(x, { axis: 1, start: step, count: 1 }), [samples, heads, width / heads]);
}

interface Step {
  readonly k: Node;
  readonly v: Node;
  /** Factors of the state and of what is written, which broadcast to them. */
  readonly gate: Node | undefined;
  readonly rate: Node | undefined;
}

/** The state after a step. */
function stepped(b: Builder, state: Node, { k, v, gate, rate }: Step): Node {
  const old = gate === undefined ? state : b.mul(gate, state);
  const said = (): Node => b.contract(old, k, { a: [0, 1, 2, 3], b: [0, 1, 2], out: [0, 1, 3] });
  const written = rate === undefined ? v : b.mul(rate, b.sub(v, said()));
  return b.add(old, b.contract(k, written, { a: [0, 1, 2], b: [0, 1, 3], out: [0, 1, 2, 3] }));
}

const MOST_STEPS = 1024;

const linearAttention: Operator = row(27, (call) => {
  const [query, key, value, past, decay, beta] = [0, 1, 2, 3, 4, 5].map((index) => call.inputs[index]);
  const q = query ?? call.input(0);
  requireBatchFirst(call, q);
  requireAlike(call, q, [key, value, past, decay, beta]);
  const { b } = call;
  const rule = call.text("update_rule", "gated_delta");
  const [heads, own] = [call.int("q_num_heads", 1), call.int("kv_num_heads", 1)];
  const [samples, count, width] = q.layout.sizes as [number, number, number];
  if (count > MOST_STEPS)
    call.unsupported(`${count} steps are more than the ${MOST_STEPS} that are unrolled.`);
  if (heads % own !== 0 || width % heads !== 0) call.malformed(`${heads} heads do not share ${own}.`);
  const depth = width / heads;
  const breadth = at(call.input(2).layout.sizes, 2) / own;
  const scale = call.float("scale", 0) || 1 / Math.sqrt(depth);
  const nodes = [q, call.input(1), call.input(2)].map((one) => full(b, one)) as [Node, Node, Node];
  let state = past === undefined ? b.constant(0, [samples, own, depth, breadth]) : full(b, past);
  const outputs = range(count).map((step) => {
    const [k, v] = [stepOf(b, nodes[1], { step, heads: own }), stepOf(b, nodes[2], { step, heads: own })];
    const gate = rule.startsWith("gated") ? gateOf(call, decay, { step, own }) : undefined;
    state = stepped(b, state, {
      k,
      v,
      gate,
      rate: rule.endsWith("delta") ? rateOf(call, beta, step) : undefined,
    });
    const asked = b.reshape(b.part(nodes[0], { axis: 1, start: step, count: 1 }), [
      samples,
      own,
      heads / own,
      depth,
    ]);
    const said = b.contract(asked, state, { a: [0, 1, 4, 2], b: [0, 1, 2, 3], out: [0, 1, 4, 3] });
    return b.reshape(b.mul(b.constant(scale), said), [samples, 1, heads * breadth]);
  });
  const y = b.concat(outputs, 1);
  return [
    call.value(y, layout(y.shape, q.layout.batch)),
    call.value(state, layout(state.shape, q.layout.batch)),
  ];
});

/** e^decay, one number per head or per head and key cell, with axes like the state's. */
function gateOf(call: Call, decay: Value | undefined, { step, own }: { step: number; own: number }): Node {
  const given = decay ?? call.malformed("its update rule needs a decay.");
  const log = stepOf(call.b, full(call.b, given), { step, heads: own });
  return call.b.unary("exp", call.b.reshape(log, [...log.shape, 1]));
}

/** The rate of a step, one number per head or one for all. */
function rateOf(call: Call, beta: Value | undefined, step: number): Node {
  const given = full(call.b, beta ?? call.malformed("its update rule needs a beta."));
  const [samples, , heads] = given.shape as [number, number, number];
  return call.b.reshape(call.b.part(given, { axis: 1, start: step, count: 1 }), [samples, heads, 1]);
}

/** Operators with a state by name. */
export const statefulOperators: OperatorTable = {
  CausalConvWithState: causalConvolution,
  LinearAttention: linearAttention,
};
