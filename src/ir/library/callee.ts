/**
 * Makes `call` nodes from recipes: a name, attributes, a body and perhaps a derivative rule.
 *
 * Equal names, attributes and shapes give the same `Callee` object, so equal calls are shared by the builder.
 * A recipe's functions depend on its name and attributes alone. Rules are built on first use.
 */

import { Builder } from "../builder.ts";
import { programOf } from "../graph.ts";
import { at, range } from "../shape.ts";
import type { Callee, DerivativeRule, InputNode, Node, Program, Shape } from "../types.ts";

/** What a stable function is, for any shapes of its arguments. */
export interface Recipe {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, number>>;
  readonly body: (b: Builder, args: readonly Node[]) => Node;
  /** ∂out/∂arg cell by cell, one per argument; arguments and result have one shape. */
  readonly partials?: (b: Builder, args: readonly Node[], result: Node) => readonly Node[];
  /** The result's tangent, linear in the tangents. */
  readonly tangent?: (b: Builder, primals: Primals, tangents: readonly Node[]) => Node;
}

/** The point at which a tangent is formed. */
export interface Primals {
  readonly args: readonly Node[];
  readonly result: Node;
}

const callees = new Map<string, Callee>();

/** The recipe applied to `args`, kept whole until lowering. */
export function callOf(b: Builder, recipe: Recipe, args: readonly Node[]): Node {
  return b.call(
    calleeOf(
      recipe,
      args.map((arg) => arg.shape),
    ),
    args,
  );
}

/** The one callee of a recipe for arguments of these shapes. */
export function calleeOf(recipe: Recipe, shapes: readonly Shape[]): Callee {
  const { name, attributes = {} } = recipe;
  const numbers = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  const key = [name, ...numbers, ...shapes.map((shape) => `(${shape})`)].join(" ");
  let callee = callees.get(key);
  if (callee === undefined) {
    callee = makeCallee(recipe, shapes);
    callees.set(key, callee);
  }
  return callee;
}

function makeCallee(recipe: Recipe, shapes: readonly Shape[]): Callee {
  const { name, attributes = {} } = recipe;
  const body = build(name, { shapes, names: argNames(shapes.length) }, (b, args) => [recipe.body(b, args)]);
  const rule = ruleOf(recipe, body);
  return Object.freeze({ name, attributes: Object.freeze({ ...attributes }), body, ...(rule && { rule }) });
}

function ruleOf(recipe: Recipe, body: Program): DerivativeRule | undefined {
  const { name, partials, tangent } = recipe;
  const shapes = body.inputs.map((input) => input.shape);
  const count = shapes.length;
  const result = at(body.outputs, 0).value.shape;
  const primals = { shapes: [...shapes, result], names: [...argNames(count), "result"] };
  if (partials !== undefined) {
    const make = (): Program =>
      build(`${name}_partials`, primals, (b, inputs) =>
        partials(b, inputs.slice(0, count), at(inputs, count)),
      );
    return { kind: "elementwise", partials: once(make) };
  }
  if (tangent === undefined) return undefined;
  const signature = {
    shapes: [...primals.shapes, ...shapes],
    names: [...primals.names, ...argNames(count).map((arg) => `${arg}_tangent`)],
  };
  const make = (): Program =>
    build(`${name}_tangent`, signature, (b, inputs) => {
      const point = { args: inputs.slice(0, count), result: at(inputs, count) };
      return [tangent(b, point, inputs.slice(count + 1))];
    });
  return { kind: "jvp", tangent: once(make) };
}

/** Builds a program of its own from named input shapes. */
function build(
  name: string,
  signature: { shapes: readonly Shape[]; names: readonly string[] },
  body: (b: Builder, inputs: readonly InputNode[]) => readonly Node[],
): Program {
  const b = new Builder();
  const inputs = signature.shapes.map((shape, index) => b.input(at(signature.names, index), shape));
  const values = body(b, inputs);
  const outputs = values.map((value, index) => ({ name: values.length === 1 ? "y" : `y${index}`, value }));
  return programOf(name, inputs, outputs);
}

function argNames(count: number): string[] {
  return count === 1 ? ["x"] : range(count).map((index) => `x${index}`);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
