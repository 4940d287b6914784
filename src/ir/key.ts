/** A node's identity as text: equal keys, equal nodes. Origins and ids of the node itself take no part. */

import type { Draft, DraftOf } from "./builder.ts";
import { isBinary } from "./ops.ts";
import type { BinaryNode } from "./types.ts";

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

/** Large data, programs and rules are equal only when they are the same object. */
function identityOf(object: object): number {
  let identity = identities.get(object);
  if (identity === undefined) {
    identity = nextIdentity++;
    identities.set(object, identity);
  }
  return identity;
}

const INLINE_CELLS = 64;

function part(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (value instanceof Float64Array || value instanceof Float32Array) {
    return value.length <= INLINE_CELLS
      ? Array.from(value, (x) => (Object.is(x, -0) ? "-0" : x)).join(",")
      : `@${identityOf(value)}`;
  }
  if (Array.isArray(value))
    return value.length === 0 ? "[]" : `[${value.map((item) => part(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if ("id" in value) return `%${String(value.id)}`;
  return `@${identityOf(value)}`;
}

/** The text under which the builder shares a node. */
export function keyOf(draft: Draft): string {
  // Of these the operands say the rest: shapes and cells are equal where operands are.
  if (isBinary(draft.op))
    return `${draft.op} %${(draft as DraftOf<BinaryNode>).a.id} %${(draft as DraftOf<BinaryNode>).b.id}`;
  let key = "";
  for (const name of Object.keys(draft)) {
    if (name !== "level" || draft.op === "input") key += `${name}=${part(draft[name as keyof Draft])} `;
  }
  return key;
}
