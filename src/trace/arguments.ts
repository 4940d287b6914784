/**
 * Arguments of a call between traced functions: lifted into the scope, with the signature that the callee is traced for.
 *
 * Positional leaves are named `x` (one) or `x0`, `x1`, …; leaves of a named argument `({ x, u }) => …` by their keys.
 */

import { UsageError } from "../errors.ts";
import type { Node } from "../ir/types.ts";
import { describe } from "./describe.ts";
import { isHolder, nodeOf, type Operand } from "./operand.ts";
import type { Scope } from "./scope.ts";
import { type Flattening, flatten, isPlainObject, type Leaf, type Structure } from "./structure.ts";
import type { InputSpec, Signature } from "./trace.ts";

/** Arguments as nodes, and the signature they make. */
export interface Lifted {
  readonly nodes: readonly Node[];
  readonly signature: Signature;
}

/** Lifts the arguments of a call into `scope`. */
export function liftArguments(scope: Scope, what: string, args: readonly unknown[]): Lifted {
  const { leaves, structure } = flattenArguments(args, {
    isLeaf: isOperand,
    refuse: (value, path) =>
      new UsageError("JR303", `argument ${path} of ${what} is ${describe(value)}, not a traced value`),
  });
  const nodes = leaves.map(({ value, name }) => nodeOf(scope, value, () => `argument ${name} of ${what}`));
  const inputs = leaves.map(({ name }, index): InputSpec => {
    const { shape, level } = nodes[index] as Node;
    return { name, shape, level: level === "row" ? "row" : "bound" };
  });
  return { nodes, signature: { structure, inputs } };
}

function isOperand(value: unknown): value is Operand {
  return isHolder(value) || !isPlainObject(value) || "data" in value;
}

/** Takes an argument list apart: each argument is a leaf or an object of leaves. */
export function flattenArguments<T>(
  args: readonly unknown[],
  how: Omit<Flattening<T>, "root" | "first">,
): { leaves: readonly Leaf<T>[]; structure: Structure } {
  const leaves: Leaf<T>[] = [];
  const { isLeaf, refuse } = how;
  const items = args.map((arg, index) => {
    const part = flatten(arg, { isLeaf, refuse, root: "", first: leaves.length });
    const prefix = args.length === 1 ? "x" : `x${index}`;
    for (const { name, value } of part.leaves) leaves.push({ value, name: argumentName(name, prefix) });
    return part.structure;
  });
  return { structure: { kind: "array", items }, leaves };
}

/** A lone named argument lends its leaves their own names: `({ x, u }) => …` has inputs x and u. */
function argumentName(path: string, prefix: string): string {
  if (path === "") return prefix;
  return prefix === "x" ? path : `${prefix}.${path}`;
}
