/**
 * Sequences of tensors whose length is known while importing, and optional values: nothing of either is left in the program.
 *
 * A sequence is a value with items and no numbers of its own; only the operators of this file take one.
 */

import { at, range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { plain, squeezed } from "../layout.ts";
import { relabelled } from "../reshape.ts";
import { Value } from "../value.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { cut, joined, stacked } from "./slices.ts";

/** A value that holds these tensors. */
function sequence(call: Call, items: readonly Value[]): Value {
  return new Value({
    dtype: items[0]?.dtype ?? "float32",
    layout: plain([]),
    node: () => call.unsupported("its result is a sequence; take tensors out of it with SequenceAt."),
    path: call.path(),
    items,
  });
}

/** The tensors of an input. */
function itemsOf(call: Call): readonly Value[] {
  return call.input(0).items ?? call.malformed("its input is no sequence.");
}

/** A place in a sequence, counted from the front; without one, `otherwise`. */
function placeIn(
  call: Call,
  input: number,
  { most, otherwise }: { most: number; otherwise: number },
): number {
  const written = call.inputs[input] === undefined ? otherwise : at(call.numbers(input, "position"), 0);
  const place = written < 0 ? written + itemsOf(call).length : written;
  if (!(Number.isInteger(place) && place >= 0 && place <= most))
    call.malformed(`it names the place ${written} of a sequence of ${itemsOf(call).length}.`);
  return place;
}

/** Parts of equal or given sizes along an axis; single ones lose it unless `keepdims`. */
function split(call: Call): Value {
  const x = call.input(0);
  const axis = call.axis(call.int("axis", 0), x.rank);
  if (x.layout.batch?.axis === axis) call.mixes(`it splits the rows (axis ${axis} is the batch)`);
  const size = at(x.layout.sizes, axis);
  const given = call.inputs[1] === undefined ? [1] : call.numbers(1, "split");
  const each = call.inputs[1]?.rank === 1 ? undefined : at(given, 0);
  if (each !== undefined && !(each > 0)) call.malformed("its parts are empty.");
  const sizes =
    each === undefined ? given : range(Math.ceil(size / each)).map((k) => Math.min(each, size - k * each));
  if (sizes.reduce((sum, count) => sum + count, 0) !== size)
    call.malformed("its parts are not the whole axis.");
  let start = 0;
  const parts = sizes.map((count) => {
    const part = cut(call, x, new Map([[axis, { start, step: 1, count }]]));
    start += count;
    return call.inputs[1] === undefined && call.int("keepdims", 1) === 0
      ? relabelled(part, call, squeezed(part.layout, [axis]))
      : part;
  });
  return sequence(call, parts);
}

function concatenated(call: Call): Value {
  const items = itemsOf(call);
  if (items.length === 0) call.malformed("its sequence is empty.");
  return (call.int("new_axis", 0) === 0 ? joined : stacked)(call, items, call.int("axis", 0));
}

const insert: Operator = row(11, (call) => {
  const items = itemsOf(call);
  const place = placeIn(call, 2, { most: items.length, otherwise: items.length });
  return sequence(call, items.toSpliced(place, 0, call.input(1)));
});

const erase: Operator = row(11, (call) => {
  const items = itemsOf(call);
  const most = items.length - 1;
  return sequence(call, items.toSpliced(placeIn(call, 1, { most, otherwise: most }), 1));
});

/** Sequences and optional values by name. */
export const sequences: OperatorTable = {
  SequenceEmpty: row(11, (call) => sequence(call, [])),
  SequenceConstruct: row(11, (call) => sequence(call, call.given)),
  SequenceAt: row(11, (call) => {
    const items = itemsOf(call);
    return at(items, placeIn(call, 1, { most: items.length - 1, otherwise: 0 }));
  }),
  SequenceLength: row(11, (call) => call.known([itemsOf(call).length], [], "int")),
  SequenceInsert: insert,
  SequenceErase: erase,
  SplitToSequence: row(11, split),
  ConcatFromSequence: row(11, concatenated),
  Optional: row(15, (call) => call.given),
  OptionalHasElement: row(15, (call) => call.known([call.inputs[0] === undefined ? 0 : 1], [], "bool")),
  OptionalGetElement: row(15, (call) => call.input(0)),
};
