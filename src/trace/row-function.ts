/**
 * Programs as functions: what `loadOnnx` gives, callable inside traced functions and accepted by `jacrow`.
 *
 * Called with values (in the order of its inputs, or by name), its program is copied into the caller's trace; its
 * result is one value, or an object of values by output name.
 */

import { UsageError } from "../errors.ts";
import { inline } from "../ir/graph.ts";
import { sameShape, showShape } from "../ir/shape.ts";
import type { Node, Program, Shape } from "../ir/types.ts";
import { isHolder, nodeOf, type Operand } from "./operand.ts";
import { requireScope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { isPlainObject } from "./structure.ts";
import { Value } from "./value.ts";

/** The name and the shape, for one row, of an input or output. */
export interface Port {
  readonly name: string;
  readonly shape: Shape;
  /** Shared inputs are the same for all rows. */
  readonly shared: boolean;
}

/** A program that can be called like a function of one row. */
export interface RowFunction {
  (...args: readonly (Operand | Readonly<Record<string, Operand>>)[]): Tensor;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly program: Program;
}

/** Makes a program callable. With several outputs a call gives an object of values; the type then is the caller's to state. */
export function rowFunction(program: Program): RowFunction {
  const call = (...args: readonly unknown[]): unknown => {
    const scope = requireScope(program.name);
    const nodes = matched(program, args).map((arg, index) =>
      fitted(
        program,
        index,
        nodeOf(scope, arg, () => `argument ${index + 1} of ${program.name}`),
      ),
    );
    const values = inline(scope.builder, program, nodes).map((node) => new Value({ scope, node }));
    if (values.length === 1) return values[0];
    return Object.fromEntries(program.outputs.map(({ name }, index) => [name, values[index]]));
  };
  const ports = {
    inputs: program.inputs.map(({ name, shape, level }) => ({ name, shape, shared: level !== "row" })),
    outputs: program.outputs.map(({ name, value }) => ({
      name,
      shape: value.shape,
      shared: value.level !== "row",
    })),
    program,
  };
  return Object.freeze(
    Object.defineProperty(Object.assign(call, ports), "name", { value: program.name }),
  ) as unknown as RowFunction;
}

/** Is this a function that carries its program? */
export function isRowFunction(f: unknown): f is RowFunction {
  return typeof f === "function" && "program" in f && "inputs" in f;
}

/** The model that f is, or is a derivative of. */
export function modelOf(f: unknown): RowFunction | undefined {
  if (isRowFunction(f)) return f;
  return typeof f === "function" && "model" in f && isRowFunction(f.model) ? f.model : undefined;
}

/** A function made of f: named `name`, of as many arguments, with the model that is behind f. */
export function madeOf<G extends (...args: never[]) => unknown>(f: unknown, name: string, made: G): G {
  const model = modelOf(f);
  const length = typeof f === "function" ? f.length : 0;
  Object.defineProperties(made, { name: { value: name }, length: { value: length } });
  return model === undefined ? made : Object.assign(made, { model });
}

function matched({ name, inputs }: Program, args: readonly unknown[]): readonly unknown[] {
  const [first] = args;
  const named = args.length === 1 && isPlainObject(first) && !isHolder(first) && !("data" in first);
  const given = named ? inputs.map((input) => (first as Record<string, unknown>)[input.name]) : args;
  if (given.length === inputs.length && !given.includes(undefined)) return given;
  const wanted = inputs.map((input) => `${input.name} ${showShape(input.shape)}`).join(", ");
  throw new UsageError(
    "JR370",
    `${name} takes ${wanted}, got ${named ? Object.keys(first).join(", ") : `${args.length} arguments`}`,
  );
}

function fitted({ name, inputs }: Program, index: number, node: Node): Node {
  const input = inputs[index];
  if (input === undefined || sameShape(input.shape, node.shape)) return node;
  throw new UsageError(
    "JR371",
    `${name}'s input ${input.name} has shape ${showShape(input.shape)}, got ${showShape(node.shape)}`,
  );
}
