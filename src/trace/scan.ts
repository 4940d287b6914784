/**
 * `scan(f, carry, xs)`: a loop of fixed length that stays a loop, however many steps it has.
 *
 * f(carry, x) gives `[next carry, y]`; carries, xs and ys may be nests, carries may hold masks (their ys are zeros and ones). Out: the last carry and the ys stacked along a
 * new first axis. Values of the enclosing function that f reads are the same in every step.
 */

import { UsageError } from "../errors.ts";
import { at, showShape } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { liftArguments } from "./arguments.ts";
import type { Mapped } from "./function-types.ts";
import type { Mask } from "./mask.ts";
import { optionsOf } from "./options.ts";
import { requireScope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { isPlainObject, type Structure, unflatten } from "./structure.ts";
import { type AnyFunction, holderOf, type InputSpec, trace } from "./trace.ts";
import { Value } from "./value.ts";

/** What a step returns: the next carry, and its y if it has one. */
type Stepped = readonly [next: unknown, y?: unknown] | readonly unknown[];

/** The last carry, as the step takes it, and the nest of its ys. */
type Scanned<C, R> = [
  carry: C,
  ys: R extends readonly [unknown]
    ? undefined
    : R extends readonly [unknown, infer Y]
      ? Mapped<Y, Tensor>
      : unknown,
];

/** Runs f over the first axis of every leaf of `xs`, or `{ steps }` times with x undefined. */
export function scan<F extends { bivariant(carry: Tensor, x: Tensor): Stepped }["bivariant"]>(
  f: F,
  carry: unknown,
  xs: unknown,
): Scanned<Parameters<F>[0], ReturnType<F>>;
/** Carries and xs that are nests: the step says which. */
export function scan<F extends (carry: never, x: never) => Stepped>(
  f: F,
  carry: unknown,
  xs: unknown,
): Scanned<Parameters<F>[0], ReturnType<F>>;
export function scan(f: AnyFunction, carry: unknown, ...rest: readonly unknown[]): [unknown, unknown] {
  const [xs] = rest;
  const scope = requireScope("scan");
  const counted = stepsOption(rest);
  const lifted = liftArguments(scope, "scan", counted === undefined ? [carry, xs] : [carry]);
  const carryPart = itemsOf(lifted.signature.structure)[0] as Structure;
  const carryCount = leavesOf(carryPart);
  const [carries, perStep] = [lifted.nodes.slice(0, carryCount), lifted.nodes.slice(carryCount)];
  const steps = counted ?? stepsOf(perStep);
  const inputs = lifted.signature.inputs.map(
    (input, index): InputSpec => ({
      ...input,
      level: "row",
      cell: at(lifted.nodes, index).cell,
      shape: index < carryCount ? input.shape : input.shape.slice(1),
    }),
  );
  const traced = trace(
    f,
    { structure: lifted.signature.structure, inputs },
    {
      allowUnread: true,
      masks: true,
    },
  );
  const [next, ys] = splitResult(traced.outputs);
  const values = traced.program.outputs.map(({ value }) => value);
  checkCarry(carries, values.slice(0, leavesOf(next)));
  const results = scope.builder.scan(traced.program, steps, { carries, perStep, captured: traced.captured });
  const last = (index: number): Value | Mask => holderOf({ scope, node: at(results, index) });
  const stacked = (index: number): Value =>
    new Value({ scope, node: scope.builder.convert(at(results, index), "float") });
  return [unflatten(carryPart, last), ys === undefined ? undefined : unflatten(ys, stacked)];
}

function stepsOption([xs, ...rest]: readonly unknown[]): number | undefined {
  const counts = isPlainObject(xs) && typeof xs["steps"] === "number";
  optionsOf("scan", [counts ? xs : undefined, ...rest]);
  if (!isPlainObject(xs) || !("steps" in xs)) return undefined;
  const { steps } = xs;
  if (typeof steps === "number" && Number.isInteger(steps) && steps >= 0) return steps;
  throw new UsageError("JR360", `scan's steps must be a whole number, got ${String(steps)}`);
}

function itemsOf(structure: Structure): readonly Structure[] {
  return structure.kind === "array" ? structure.items : [structure];
}

function leavesOf(structure: Structure): number {
  let count = 0;
  unflatten(structure, () => count++);
  return count;
}

function stepsOf(perStep: readonly Node[]): number {
  const lengths = perStep.map(({ shape }) => shape[0]);
  const [first] = lengths;
  if (first !== undefined && lengths.every((length) => length === first)) return first;
  const shapes = perStep.map(({ shape }) => showShape(shape)).join(", ");
  throw new UsageError(
    "JR361",
    `scan runs over the first axis of its xs, which must agree: ${shapes}; for steps without xs write { steps }`,
  );
}

function splitResult(outputs: Structure): [Structure, Structure | undefined] {
  const items = itemsOf(outputs);
  if (outputs.kind === "array" && (items.length === 1 || items.length === 2)) return [at(items, 0), items[1]];
  throw new UsageError("JR362", "the function given to scan returns [next carry, y], or [next carry] alone");
}

function checkCarry(before: readonly Node[], after: readonly Node[]): void {
  const kindOf = ({ cell, shape }: Node): string => `${cell === "bool" ? "mask " : ""}${showShape(shape)}`;
  const list = (nodes: readonly Node[]): string => nodes.map(kindOf).join(", ");
  if (list(before) === list(after)) return;
  throw new UsageError(
    "JR363",
    `scan's carry must keep its shape, and masks stay masks: it goes in as ${list(before)} and comes out as ${list(after)}`,
  );
}
