/**
 * `custom(f, { jvp })`: a function with a derivative of the user's own.
 *
 * f gives the value; `jvp(primals, tangents)` gives the tangent and must be linear in the tangents, since reverse mode
 * transposes it. Both are traced once per shapes. Neither may read values from outside: those would get no derivative.
 */

import { UsageError } from "../errors.ts";
import { programOf } from "../ir/graph.ts";
import { showShape } from "../ir/shape.ts";
import type { Callee, DerivativeRule, InputNode, Node, Program, Shape } from "../ir/types.ts";
import { describe } from "./describe.ts";
import { isHolder, nodeOf, type Operand } from "./operand.ts";
import { optionsOf } from "./options.ts";
import { requireScope, Scope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { Value } from "./value.ts";

/** A function of values with one value as its result. */
export type ValueFunction = (...args: Tensor[]) => Tensor;

/** A derivative of the user's own. */
export interface CustomRule {
  /** The result's tangent, linear in the tangents; `result` is f's value. */
  readonly jvp: (primals: readonly Tensor[], tangents: readonly Tensor[], result: Tensor) => Tensor;
}

/** f, differentiated by `rule` wherever it is used. */
export function custom<F extends ValueFunction>(f: F, rule: CustomRule): F;
export function custom<F extends ValueFunction>(f: F, rule: CustomRule, ...rest: readonly unknown[]): F {
  if (typeof f !== "function" || typeof rule?.jvp !== "function") {
    throw new UsageError(
      "JR350",
      "custom takes a function and a rule { jvp: (primals, tangents, result) => tangent }",
    );
  }
  optionsOf("custom", [rule, ...rest]);
  const callees = new Map<string, Callee>();
  const call = (...args: readonly Operand[]): Value => {
    const scope = requireScope(f.name);
    const nodes = args.map((arg, index) => nodeOf(scope, arg, () => `argument ${index + 1} of ${f.name}`));
    const shapes = nodes.map((node) => node.shape);
    const key = shapes.map(showShape).join(" ");
    const callee = callees.get(key) ?? makeCallee(f, rule, shapes);
    callees.set(key, callee);
    return new Value({ scope, node: scope.builder.call(callee, nodes) });
  };
  return Object.defineProperty(call, "name", { value: f.name }) as unknown as F;
}

function makeCallee(f: ValueFunction, rule: CustomRule, shapes: readonly Shape[]): Callee {
  const name = `custom_${f.name.replaceAll(/\W/g, "_")}`;
  const names = shapes.map((_, index) => `x${index}`);
  const body = traced({ name, names, shapes }, f);
  const result = (body.outputs[0] as { value: Node }).value.shape;
  const count = shapes.length;
  const tangent = traced(
    {
      name: `${name}_tangent`,
      names: [...names, "result", ...names.map((arg) => `${arg}_tangent`)],
      shapes: [...shapes, result, ...shapes],
    },
    (...values) => rule.jvp(values.slice(0, count), values.slice(count + 1), values[count] as Tensor),
  );
  const found = (tangent.outputs[0] as { value: Node }).value.shape;
  if (showShape(found) !== showShape(result)) {
    throw new UsageError(
      "JR351",
      `the jvp of ${f.name} gives shape ${showShape(found)} where the result has ${showShape(result)}`,
    );
  }
  const own: DerivativeRule = { kind: "jvp", tangent: () => tangent };
  return Object.freeze({ name, attributes: {}, body, rule: own });
}

interface Heading {
  readonly name: string;
  readonly names: readonly string[];
  readonly shapes: readonly Shape[];
}

function traced({ name, names, shapes }: Heading, f: ValueFunction): Program {
  const scope = new Scope(name);
  const inputs = shapes.map((shape, index): InputNode => scope.builder.input(names[index] as string, shape));
  const value = scope.run(() => {
    const result: unknown = f(...inputs.map((node) => new Value({ scope, node })));
    if (!isHolder(result) && typeof result !== "number") {
      throw new UsageError("JR352", `${name} must return one traced value, got ${describe(result)}`);
    }
    return nodeOf(scope, result, () => `what ${name} returned`);
  });
  if (scope.captured.size > 0) {
    throw new UsageError(
      "JR353",
      `${name} reads a traced value from outside, which its rule cannot know: pass it as an argument`,
    );
  }
  return programOf(name, inputs, [{ name: "y", value }]);
}
