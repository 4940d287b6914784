/**
 * `trace`: runs a user's function once on traced values and keeps what it computes, as a program of one row.
 *
 * In: a function, the structure of its arguments and the shape of each leaf. Out: the program (one input per leaf, then
 * one per captured value of an enclosing trace; one output per leaf of the result) and the result's structure. What a
 * function may not return is refused with the reason.
 */

import { UsageError } from "../errors.ts";
import { nodesOf, operandsOf, programOf } from "../ir/graph.ts";
import { at, showShape } from "../ir/shape.ts";
import type { Cell, InputNode, Node, Output, Program, Shape } from "../ir/types.ts";
import { describe } from "./describe.ts";
import { Mask } from "./mask.ts";
import { NamedInputs } from "./named-inputs.ts";
import { isHolder, nodeOf } from "./operand.ts";
import { Scope, type Traced } from "./scope.ts";
import { flatten, isPlainObject, type Structure, unflatten } from "./structure.ts";
import { Value } from "./value.ts";

export { describe } from "./describe.ts";

/** One leaf of a function's arguments. */
export interface InputSpec {
  readonly name: string;
  readonly shape: Shape;
  /** A value of each row, or one shared by all rows. */
  readonly level: "row" | "bound";
  /** Numbers unless said otherwise. */
  readonly cell?: Cell;
  /** How it was given, where errors of shape are likely to come from that. */
  readonly given?: string;
}

/** A function's arguments: an array structure, and its leaves. */
export interface Signature {
  readonly structure: Structure;
  readonly inputs: readonly InputSpec[];
}

/** What tracing gives. */
export interface TracedFunction {
  readonly program: Program;
  /** Where the outputs stand in what the function returned. */
  readonly outputs: Structure;
  /** Nodes of the enclosing scope that the inputs after the signature's stand for. */
  readonly captured: readonly Node[];
}

/** A function of traced values, whatever its arguments are. */
export type AnyFunction = (...args: never[]) => unknown;

/** What is let through. */
export interface TraceOptions {
  readonly allowUnread?: boolean;
  /** Masks may be returned as they are; else they become zeros and ones. */
  readonly masks?: boolean;
}

/** Runs `f` once on values of the signature's shapes. */
export function trace(f: AnyFunction, signature: Signature, options: TraceOptions = {}): TracedFunction {
  if (typeof f !== "function") {
    throw new UsageError("JR340", `a function of one row is needed, got ${describe(f)}`);
  }
  const name = f.name === "" ? "f" : f.name;
  const scope = new Scope(name);
  const inputs = signature.inputs.map(({ name: input, shape, level, cell = "float" }) =>
    scope.builder.input(input, shape, { level, cell }),
  );
  const args = unflatten(signature.structure, (index) => holderOf({ scope, node: at(inputs, index) }));
  const named = (args as unknown[]).map((arg) =>
    isPlainObject(arg) ? new NamedInputs(name, arg) : undefined,
  );
  const { outputs, structure } = explained(signature, () =>
    scope.run(() => {
      const passed = (args as unknown[]).map((arg, index) => named[index]?.inputs ?? arg);
      return outputsOf(scope, (f as (...values: unknown[]) => unknown)(...passed), options.masks);
    }),
  );
  const program = programOf(name, [...inputs, ...scope.captured.values()], outputs);
  if (options.allowUnread !== true) {
    checkPartial(program, scope);
    for (const one of named) one?.checkRead();
  }
  return { program, outputs: structure, captured: scope.capturedOuter };
}

/** Errors that come from shapes when the rows were given the wrong way: undefined entries, axes, indices, products. */
const OF_SHAPES = new Set("JR303 JR309 JR310 JR320 JR322 JR326 JR327 JR330 JR331 JR332".split(" "));

/** Runs a user's function; an error of shapes ends with how the inputs it may come from were given. */
function explained<T>({ inputs }: Signature, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const ofShapes = error instanceof UsageError ? OF_SHAPES.has(error.code) : error instanceof TypeError;
    throw ofShapes ? withGiven(error as Error, inputs) : error;
  }
}

function withGiven(error: Error, inputs: readonly InputSpec[]): Error {
  const given = inputs.flatMap((input) => (mayCause(input, inputs, error) ? (input.given ?? []) : []));
  if (given.length === 0) return error;
  const [code, message] =
    error instanceof UsageError
      ? [error.code, error.message.slice(error.code.length + 2)]
      : ["JR319", `the function failed: ${error.message}`];
  return new UsageError(code, [message, ...given].join("; "), { cause: error });
}

/** A lone input may; of several, one whose shape the message names. */
function mayCause({ shape }: InputSpec, all: readonly InputSpec[], { message }: Error): boolean {
  return (
    all.length === 1 ||
    message.includes(showShape(shape)) ||
    (shape.length === 0 && message.startsWith("JR309"))
  );
}

/** A value, or a mask where there are bools. */
export function holderOf(traced: Traced): Value | Mask {
  return traced.node.cell === "bool" ? new Mask(traced) : new Value(traced);
}

function outputsOf(
  scope: Scope,
  result: unknown,
  masks = false,
): { outputs: Output[]; structure: Structure } {
  const { leaves, structure } = flatten(result, {
    isLeaf: isOutput,
    root: "y",
    refuse: (value, path) => refused(scope.name, value, path),
  });
  if (leaves.length === 0)
    throw new UsageError("JR341", `${scope.name} returned an empty nest: there is nothing to differentiate`);
  const outputs = leaves.map(({ name, value }) => {
    const node = nodeOf(scope, value, () => `what ${scope.name} returned`);
    const isKept = masks && node.cell === "bool";
    return { name, value: isKept ? node : scope.builder.convert(node, "float") };
  });
  return { outputs, structure };
}

function isOutput(value: unknown): value is unknown {
  return (
    isHolder(value) ||
    typeof value === "number" ||
    value instanceof Float64Array ||
    value instanceof Float32Array
  );
}

function refused(name: string, value: unknown, path: string): UsageError {
  const what =
    path === ""
      ? `${name} returned ${describe(value)}`
      : `${path} of what ${name} returned is ${describe(value)}`;
  const advice =
    value === undefined
      ? "did you forget to write return?"
      : value instanceof Promise
        ? "an async function cannot be traced; load data before and pass it as an argument"
        : "a function of one row returns a traced value, or a nest of arrays and objects of them";
  return new UsageError("JR342", `${what}: ${advice}`);
}

/** Reading two of three columns one by one and never the rest is nearly always a wrong column count. */
function checkPartial(program: Program, scope: Scope): void {
  for (const [input, read] of scope.partial) {
    if (read >= at(input.shape, 0)) continue;
    const readers = nodesOf(program).filter((node) => operandsOf(node).includes(input));
    if (
      readers.some((node) => !(node.op === "slice" && at(node.starts, 0) < read && at(node.shape, 0) === 1))
    )
      continue;
    const { name, shape } = input as InputNode;
    throw new UsageError(
      "JR343",
      `${program.name} reads ${read} of the ${shape[0]} entries of ${name} ${showShape(shape)}, one by one, and never the rest: ` +
        `pass rows of ${read}, or use allowZero: true if the other derivatives are meant to be zero`,
    );
  }
}
