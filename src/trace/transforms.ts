/**
 * Derivatives of functions inside functions being traced: `jacobian`, `hessian`, `jvp`, `vjp`, `linearize`.
 *
 * `jacobian(f)` traces f on its own, turns captured outer values into inputs that are not differentiated, and emits
 * one node per output and input; autodiff expands it when its consumers are known. The others are products with it.
 */

import { UsageError } from "../errors.ts";
import { inline } from "../ir/graph.ts";
import { at, range, showShape } from "../ir/shape.ts";
import type { Node, Program } from "../ir/types.ts";
import { type Lifted, liftArguments } from "./arguments.ts";
import type { Mapped, NamedFunction, PerInput, PositionalFunction } from "./function-types.ts";
import { optionsOf } from "./options.ts";
import { pathsOf } from "./paths.ts";
import { madeOf, type RowFunction } from "./row-function.ts";
import { requireScope, type Scope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { unflatten } from "./structure.ts";
import { type AnyFunction, type TracedFunction, trace } from "./trace.ts";
import { Value } from "./value.ts";
import { chooseInputs, type Wrt } from "./wrt.ts";

/** Options of `jacobian`. */
export interface JacobianOptions {
  /** Which arguments: positions, or names of a named argument's entries. By default all that depend on the row. */
  readonly wrt?: Wrt;
  /** Accepts outputs that do not depend on an argument; their derivatives are zeros. */
  readonly allowZero?: boolean;
}

/** The function of a Jacobian: f's nest, with one (…out, …in) per differentiated argument at each leaf. */
type Derivative<F extends (...args: never[]) => unknown, O> = (
  ...args: Parameters<F>
) => Mapped<ReturnType<F>, PerInput<Parameters<F>, O, Tensor>>;

/** A function traced at a call, ready to be differentiated there. */
interface Call {
  readonly scope: Scope;
  readonly what: string;
  readonly traced: TracedFunction;
  readonly lifted: Lifted;
  readonly args: readonly Node[];
}

function traceCall(
  f: AnyFunction,
  args: readonly unknown[],
  how: { what: string; allowUnread?: boolean; instead?: string },
): Call {
  const { what, allowUnread = false, instead = `run it with rows(${what})(X)` } = how;
  const scope = requireScope(what, instead);
  const lifted = liftArguments(scope, what, args);
  const traced = trace(f, lifted.signature, { allowUnread });
  return { scope, what, traced, lifted, args: [...lifted.nodes, ...traced.captured] };
}

/** The function whose value is f's Jacobian: (…out, …in) for each output and argument, a lone argument's bare. */
export function jacobian<F extends PositionalFunction, const O extends JacobianOptions = JacobianOptions>(
  f: F,
  options?: O,
): Derivative<F, O>;
export function jacobian<F extends NamedFunction, const O extends JacobianOptions = JacobianOptions>(
  f: F,
  options?: O,
): Derivative<F, O>;
export function jacobian(f: AnyFunction, ...rest: readonly unknown[]): unknown {
  const options = optionsOf<JacobianOptions>("jacobian", rest);
  return derivativeOf(f, options, `jacobian(${nameOf(f)})`);
}

/** The Jacobian's function, called `what` in errors. */
function derivativeOf(f: AnyFunction, options: JacobianOptions, what: string): AnyFunction {
  const derivative = (...args: unknown[]): unknown =>
    jacobianOf(traceCall(f, args, { what, ...allowing(options) }), options);
  return madeOf(f, what, derivative);
}

/** The function that gives f's value and its Jacobian, from one pass: `[value, jacobian]`. */
export function valueAndJacobian(
  model: RowFunction,
  options?: JacobianOptions,
): (...args: Tensor[]) => [Tensor, Tensor];
export function valueAndJacobian<
  F extends PositionalFunction,
  const O extends JacobianOptions = JacobianOptions,
>(
  f: F,
  options?: O,
): (...args: Parameters<F>) => [Mapped<ReturnType<F>, Tensor>, ReturnType<Derivative<F, O>>];
export function valueAndJacobian<F extends NamedFunction, const O extends JacobianOptions = JacobianOptions>(
  f: F,
  options?: O,
): (...args: Parameters<F>) => [Mapped<ReturnType<F>, Tensor>, ReturnType<Derivative<F, O>>];
export function valueAndJacobian(f: AnyFunction, ...rest: readonly unknown[]): unknown {
  const options = optionsOf<JacobianOptions>("valueAndJacobian", rest);
  const what = `valueAndJacobian(${nameOf(f)})`;
  const both = (...args: unknown[]): [unknown, unknown] => {
    const call = traceCall(f, args, { what, ...allowing(options) });
    return [valueOfCall(call), jacobianOf(call, options)];
  };
  return madeOf(f, what, both);
}

/** The function of f's second derivatives: (…out, …in, …in). */
export function hessian<F extends PositionalFunction>(
  f: F,
  options?: JacobianOptions,
): Derivative<F, JacobianOptions>;
export function hessian<F extends NamedFunction>(
  f: F,
  options?: JacobianOptions,
): Derivative<F, JacobianOptions>;
export function hessian(f: PositionalFunction, ...rest: readonly unknown[]): unknown {
  const options = optionsOf<JacobianOptions>("hessian", rest);
  return derivativeOf(jacobian(f, options), options, `hessian(${nameOf(f)})`);
}

/** `[f(primals), J · tangents]`: a lone argument, or arrays of arguments and of tangents. */
export function jvp<F extends AnyFunction>(
  f: F,
  primals: unknown,
  tangents: unknown,
): [value: Mapped<ReturnType<F>, Tensor>, tangent: Mapped<ReturnType<F>, Tensor>] {
  const [value, push] = linearize(f, primals);
  return [value, push(tangents)];
}

/** `[f(primals), tangents => J · tangents]`. */
export function linearize<F extends AnyFunction>(
  f: F,
  primals: unknown,
): [value: Mapped<ReturnType<F>, Tensor>, push: (tangents: unknown) => Mapped<ReturnType<F>, Tensor>] {
  type Outputs = Mapped<ReturnType<F>, Tensor>;
  const call = traceCall(f, argumentsOf(primals), {
    what: `jvp(${nameOf(f)})`,
    allowUnread: true,
    instead: insideRows("jvp"),
  });
  const push = (tangents: unknown): Outputs => {
    const lifted = liftArguments(
      call.scope,
      call.what,
      Array.isArray(primals) ? (tangents as unknown[]) : [tangents],
    );
    checkFit(call, "tangent", [lifted.nodes, call.lifted.nodes]);
    const terms = range(call.lifted.nodes.length);
    return perOutput(call, (output) => {
      const products = terms.map((wrt) =>
        contracted(call, { output, wrt, left: false }, at(lifted.nodes, wrt)),
      );
      return products.reduce((a, b) => call.scope.builder.add(a, b));
    }) as Outputs;
  };
  return [valueOfCall(call) as Outputs, push];
}

/** `[f(primals), cotangents => cotangents · J]`; the result has the structure of the primals. */
export function vjp<F extends AnyFunction, P>(
  f: F,
  primals: P,
): [value: Mapped<ReturnType<F>, Tensor>, pull: (cotangents: unknown) => Mapped<P, Tensor>] {
  const call = traceCall(f, argumentsOf(primals), {
    what: `vjp(${nameOf(f)})`,
    allowUnread: true,
    instead: insideRows("vjp"),
  });
  const { builder } = call.scope;
  const outputs = call.traced.program.outputs.map(({ value }) => value);
  const pull = (cotangents: unknown): Mapped<P, Tensor> => {
    const nest = call.traced.outputs.kind === "array" ? (cotangents as unknown[]) : [cotangents];
    const lifted = liftArguments(call.scope, call.what, nest);
    checkFit(call, "cotangent", [lifted.nodes, outputs]);
    const result = unflatten(call.lifted.signature.structure, (wrt) => {
      const products = outputs.map((_, output) =>
        contracted(call, { output, wrt, left: true }, at(lifted.nodes, output)),
      );
      return new Value({ scope: call.scope, node: products.reduce((a, b) => builder.add(a, b)) });
    }) as unknown[];
    return (Array.isArray(primals) ? result : result[0]) as Mapped<P, Tensor>;
  };
  return [valueOfCall(call) as Mapped<ReturnType<F>, Tensor>, pull];
}

function allowing({ allowZero }: JacobianOptions): { allowUnread?: boolean } {
  return allowZero === undefined ? {} : { allowUnread: allowZero };
}

function insideRows(what: string): string {
  return what === "jvp"
    ? "run it with rows((x, v) => jvp(f, x, v))(X, V)"
    : "run it with rows((x, w) => vjp(f, x)[1](w))(X, W)";
}

function nameOf(f: unknown): string {
  return typeof f === "function" && f.name !== "" ? f.name : "f";
}

function argumentsOf(primals: unknown): readonly unknown[] {
  return Array.isArray(primals) ? primals : [primals];
}

/** What f returned, copied into the calling scope. */
function valueOfCall({ scope, traced, args }: Call): unknown {
  const values = inline(scope.builder, traced.program, args);
  return unflatten(traced.outputs, (index) => new Value({ scope, node: at(values, index) }));
}

function perOutput({ scope, traced }: Call, make: (output: number) => Node): unknown {
  return unflatten(traced.outputs, (output) => new Value({ scope, node: make(output) }));
}

function jacobianOf(call: Call, options: JacobianOptions): unknown {
  const { scope, traced, lifted, what } = call;
  const chosen = chooseInputs(what, lifted.signature, options.wrt);
  if (options.allowZero !== true) checkPaths(what, traced.program, chosen.inputs);
  return unflatten(traced.outputs, (output) =>
    unflatten(chosen.structure, (index) => {
      const which = { output, wrt: at(chosen.inputs, index) };
      return new Value({ scope, node: scope.builder.jacobian(traced.program, call.args, which) });
    }),
  );
}

/** A whole output without any path from a whole input is nearly always a mistake: never a silent zero. */
export function checkPaths(what: string, program: Program, wrt: readonly number[]): void {
  const paths = pathsOf(program);
  program.outputs.forEach(({ name, value }, output) => {
    for (const input of wrt) {
      if (paths[output]?.has(input) === true) continue;
      const why = value.op === "constant" ? "it is a constant" : "no differentiable path leads there";
      throw new UsageError(
        "JR346",
        `${what}: output ${name} does not depend on ${at(program.inputs, input).name}: ${why} ` +
          "(a closed-over value, Math.random, a comparison or stopGradient cuts it); allowZero: true accepts zeros",
      );
    }
  });
}

interface Factor {
  readonly output: number;
  readonly wrt: number;
  /** The vector stands on the left: cotangents. */
  readonly left: boolean;
}

function contracted(call: Call, { left, ...which }: Factor, vector: Node): Node {
  const { scope, traced, args } = call;
  const matrix = scope.builder.jacobian(traced.program, args, which);
  const outRank = at(traced.program.outputs, which.output).value.shape.length;
  const labels = range(matrix.shape.length);
  const [out, inside] = [labels.slice(0, outRank), labels.slice(outRank)];
  return scope.builder.contract(matrix, vector, {
    a: labels,
    b: left ? out : inside,
    out: left ? inside : out,
  });
}

function checkFit(
  call: Call,
  kind: string,
  [given, wanted]: readonly [readonly Node[], readonly Node[]],
): void {
  const fits =
    given.length === wanted.length &&
    given.every(({ shape }, index) => showShape(shape) === showShape(at(wanted, index).shape));
  if (fits) return;
  const list = (nodes: readonly Node[]): string => nodes.map(({ shape }) => showShape(shape)).join(", ");
  throw new UsageError(
    "JR347",
    `${call.what}: ${kind}s of shape ${list(given)} where ${list(wanted)} are needed`,
  );
}
