/** RotaryEmbedding (opset 23): pairs of features turned by angles whose cosines and sines are inputs. */

import type { Builder } from "../../ir/builder.ts";
import { at } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { elementwise } from "../elementwise.ts";
import { layout, symbolicShape } from "../layout.ts";
import { take } from "../movement.ts";
import { reshaped } from "../reshape.ts";
import { isNumber } from "../size.ts";
import type { Value } from "../value.ts";
import { transpose, unsqueezed } from "./axes.ts";
import { legalIndices, picked, wrapped } from "./gather.ts";
import { type OperatorTable, row } from "./operator.ts";
import { cut, joined, stacked } from "./slices.ts";

/** X is (batch, heads, steps, size), or (batch, steps, heads·size) with `num_heads`. */
function rotaryEmbedding(call: Call): Value {
  const given = call.input(0);
  const heads = call.int("num_heads", 0);
  const x = given.rank === 3 ? asHeads(call, given, heads) : transpose(call, given, [0, 2, 1, 3]);
  const size = at(x.layout.sizes, 3);
  const turnedSize = call.int("rotary_embedding_dim", 0) || size;
  const angles = [1, 2].map((index) => unsqueezed(call, angle(call, index), [2])) as [Value, Value];
  const turned = rotated(call, part(call, x, { start: 0, count: turnedSize, step: 1 }), angles);
  const whole =
    turnedSize === size
      ? turned
      : joined(call, [turned, part(call, x, { start: turnedSize, count: size - turnedSize, step: 1 })], 3);
  return given.rank === 3
    ? reshaped(call, whole, symbolicShape(given.layout))
    : transpose(call, whole, [0, 2, 1, 3]);
}

function asHeads(call: Call, x: Value, heads: number): Value {
  const [batch, steps] = symbolicShape(x.layout);
  if (heads < 1) call.malformed("an input of three axes needs num_heads.");
  return reshaped(call, x, [batch ?? 1, steps ?? 1, heads, at(x.layout.sizes, 2) / heads]);
}

/** Cosines or sines as (batch, steps, half): looked up by position, or given per step. */
function angle(call: Call, index: number): Value {
  const cache = call.input(index);
  const positions = call.inputs[3];
  if (positions === undefined) return cache;
  if (cache.layout.batch !== undefined) call.mixes("its table of angles carries the batch");
  const { sizes, batch } = positions.layout;
  const result = layout([...sizes, at(cache.layout.sizes, 1)], batch);
  const table = take(call.b, cache, [0, 1]);
  return call.value(lookedUp(call, table, positions), result, cache.dtype);
}

function lookedUp(call: Call, table: Node, positions: Value): Node {
  const count = at(table.shape, 0);
  const { cells } = positions;
  if (cells?.every(isNumber))
    return picked(call.b, table, { axis: 0, indices: legalIndices(call, cells, count) });
  return call.b.gather(table, wrapped(call.b, call.b.convert(positions.node, "int"), count), 0);
}

function part(call: Call, x: Value, range: { start: number; count: number; step: number }): Value {
  return cut(call, x, new Map([[x.rank - 1, range]]));
}

/** (a, b) ↦ (a cos − b sin, a sin + b cos) for halves, or for neighbours when interleaved. */
function rotated(call: Call, x: Value, [cosine, sine]: readonly [Value, Value]): Value {
  const size = at(x.layout.sizes, 3);
  const half = size / 2;
  const neighbours = call.int("interleaved", 0) === 1;
  const a = part(
    call,
    x,
    neighbours ? { start: 0, count: half, step: 2 } : { start: 0, count: half, step: 1 },
  );
  const b = part(
    call,
    x,
    neighbours ? { start: 1, count: half, step: 2 } : { start: half, count: half, step: 1 },
  );
  const turn = (emit: (builder: Builder, nodes: readonly [Node, Node, Node, Node]) => Node): Value =>
    elementwise(call, [a, b, cosine, sine], {
      emit: (builder, nodes) => emit(builder, nodes as [Node, Node, Node, Node]),
    });
  const real = turn((m, [p, q, c, s]) => m.sub(m.mul(p, c), m.mul(q, s)));
  const imaginary = turn((m, [p, q, c, s]) => m.add(m.mul(p, s), m.mul(q, c)));
  if (!neighbours) return joined(call, [real, imaginary], 3);
  return reshaped(call, stacked(call, [real, imaginary], 4), symbolicShape(x.layout));
}

/** Rotary embeddings by name. */
export const rotaryOperators: OperatorTable = { RotaryEmbedding: row(23, rotaryEmbedding) };
