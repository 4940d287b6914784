/**
 * What operations accept: traced values, numbers, nested arrays of both, typed arrays, anything `{ data, shape }`.
 *
 * In: operands as the user wrote them. Out: nodes of the innermost scope, made under the user's source line. Arrays
 * are copied once per trace, so later changes to them change nothing.
 */

import { UsageError } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { Node, Origin } from "../ir/types.ts";
import { stack } from "./ops/movement.ts";
import { captureOrigin } from "./origin.ts";
import { requireScope, type Scope, type Traced } from "./scope.ts";

/** Anything that holds a traced node: a `Value` or a `Mask`. */
export interface Holder {
  readonly traced: Traced;
}

/** Numbers with a shape, row-major. */
export interface ShapedNumbers {
  readonly data: Float32Array | Float64Array | readonly number[];
  readonly shape: readonly number[];
}

/** Nested arrays of numbers and values. */
export type NestedOperand = readonly Operand[];

/** What operations accept. */
export type Operand = Holder | number | Float32Array | Float64Array | ShapedNumbers | NestedOperand;

/** Runs one operation in the innermost scope, under the user's source line. */
export function emit(
  what: string,
  operands: readonly Operand[],
  make: (b: Builder, nodes: readonly Node[]) => Node,
): Traced {
  const scope = requireScope(what);
  const { builder } = scope;
  const before = builder.origin;
  const origin = captureOrigin();
  builder.origin = origin;
  try {
    const nodes = operands.map((operand, index) =>
      nodeOf(scope, operand, () =>
        operands.length === 1 ? `the argument of ${what}` : `argument ${index + 1} of ${what}`,
      ),
    );
    return { scope, node: make(builder, nodes) };
  } catch (error) {
    throw placed(error, origin);
  } finally {
    builder.origin = before;
  }
}

/** The error with the user's source line, unless it names one. */
function placed(error: unknown, origin: Origin): unknown {
  if (!(error instanceof UsageError) || error.message.includes("(at ")) return error;
  const message = error.message.slice(error.code.length + 2);
  return new UsageError(error.code, `${message} (at ${origin.name})`, { cause: error });
}

/** Is this a `Value` or a `Mask`? */
export function isHolder(value: unknown): value is Holder {
  return typeof value === "object" && value !== null && "traced" in value;
}

/** The operand's node in `scope`; `place` names it in errors. */
export function nodeOf(scope: Scope, operand: unknown, place: () => string): Node {
  if (typeof operand === "number") return scope.builder.constant(operand);
  if (isHolder(operand)) return scope.lift(operand.traced);
  if (operand instanceof Float64Array || operand instanceof Float32Array) {
    return scope.builder.constant(copyOf(scope, operand), [operand.length]);
  }
  if (Array.isArray(operand)) return arrayNode(scope, operand, place);
  if (isShaped(operand)) {
    const { data, shape } = operand;
    if (data.length !== sizeOf(shape)) {
      throw new UsageError("JR304", `${place()} has ${data.length} numbers for shape ${showShape(shape)}`);
    }
    return scope.builder.constant(copyOf(scope, data), [...shape]);
  }
  throw notAnOperand(operand, place());
}

function copyOf(scope: Scope, data: ShapedNumbers["data"]): Float32Array | Float64Array {
  let copy = scope.copies.get(data);
  if (copy === undefined) {
    copy = data instanceof Float32Array ? data.slice() : Float64Array.from(data);
    scope.copies.set(data, copy);
  }
  return copy;
}

function isShaped(operand: unknown): operand is ShapedNumbers {
  return typeof operand === "object" && operand !== null && "data" in operand && "shape" in operand;
}

/** Nested numbers become one constant; an array with a value in it is a stack of its entries. */
function arrayNode(scope: Scope, operand: readonly unknown[], place: () => string): Node {
  const shape = numericShape(operand);
  if (shape !== undefined) {
    const flat = (operand as readonly number[]).flat(Number.POSITIVE_INFINITY);
    if (flat.length !== sizeOf(shape)) throw new UsageError("JR304", `${place()} is a ragged array`);
    return scope.builder.constant(Float64Array.from(flat), shape);
  }
  const parts = operand.map((item, index) => nodeOf(scope, item, () => `entry ${index} of ${place()}`));
  return stack(scope.builder, parts, 0);
}

/** The shape that the first entries tell, when there is nothing but numbers inside. */
function numericShape(operand: readonly unknown[]): number[] | undefined {
  if (operand.length > 0 && operand.every((item) => typeof item === "number")) return [operand.length];
  if (operand.length === 0 || !operand.every((item) => Array.isArray(item))) return undefined;
  const shapes = operand.map((item) => numericShape(item as readonly unknown[]));
  const first = at(shapes, 0);
  return first === undefined || shapes.includes(undefined) ? undefined : [operand.length, ...first];
}

function notAnOperand(operand: unknown, place: string): UsageError {
  if (operand === undefined) {
    return new UsageError(
      "JR303",
      `${place} is undefined: did the function take apart more entries than the row has, or forget to return?`,
    );
  }
  const found = operand === null ? "null" : typeof operand === "object" ? "an object" : `a ${typeof operand}`;
  return new UsageError(
    "JR303",
    `${place} is ${found}; it must be a traced value, a number, or an array of them`,
  );
}
