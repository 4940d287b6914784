/**
 * `smooth(f, { beta })`: f with smooth counterparts of its kinks, as a function of one row like f itself.
 *
 * In: a function of one row or a loaded model. Out: the same kind of thing. A model's program is replaced at once; a
 * function is traced and smoothed whenever it is called inside a trace.
 */

import { UsageError } from "../errors.ts";
import { inline } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import { type SmoothOptions, smooth as smoothProgram } from "../optimize/smooth.ts";
import { liftArguments } from "./arguments.ts";
import { describe } from "./describe.ts";
import type { NamedFunction, PositionalFunction } from "./function-types.ts";
import type { Operand } from "./operand.ts";
import { optionsOf } from "./options.ts";
import { isRowFunction, madeOf, type RowFunction, rowFunction } from "./row-function.ts";
import { requireScope } from "./scope.ts";
import type { Tensor } from "./shapes.ts";
import { unflatten } from "./structure.ts";
import { type AnyFunction, trace } from "./trace.ts";
import { Value } from "./value.ts";

export type { SmoothOptions } from "../optimize/smooth.ts";

/**
 * f with relu, |x|, max, min, clip and their kin replaced by smooth functions of sharpness β: the larger β, the nearer to f.
 * relu becomes softplus(β), which is off by at most log(2) / β. For Jacobians without jumps.
 */
export function smooth<M extends RowFunction>(model: M, options: SmoothOptions): M;
export function smooth<F extends PositionalFunction>(f: F, options: SmoothOptions): F;
export function smooth<F extends NamedFunction>(f: F, options: SmoothOptions): F;
export function smooth(f: AnyFunction, ...rest: readonly unknown[]): unknown {
  if (typeof f !== "function")
    throw new UsageError("JR400", `smooth takes a function of one row or a loaded model, got ${describe(f)}`);
  const { beta } = optionsOf<SmoothOptions>("smooth", rest);
  if (beta === undefined)
    throw new UsageError("JR230", "smooth needs { beta }, the sharpness, for example { beta: 20 }");
  const options: SmoothOptions = { beta };
  const name = `smooth(${f.name === "" ? "f" : f.name})`;
  if (isRowFunction(f)) return smoothModel(f, options);
  const smoothed = (...args: unknown[]): unknown => {
    const scope = requireScope(name);
    const lifted = liftArguments(scope, name, args);
    const traced = trace(f, lifted.signature, { allowUnread: true });
    const program = smoothProgram(traced.program, options);
    const values = inline(scope.builder, program, [...lifted.nodes, ...traced.captured]);
    return unflatten(traced.outputs, (index) => new Value({ scope, node: at(values, index) }));
  };
  return madeOf(f, name, smoothed);
}

/** The model with all else that it carries: ports, width. */
function smoothModel(model: RowFunction, options: SmoothOptions): RowFunction {
  const program = smoothProgram(model.program, options);
  const own = rowFunction(program);
  const call = (...args: readonly (Operand | Readonly<Record<string, Operand>>)[]): Tensor => own(...args);
  const named = Object.defineProperty(call, "name", { value: model.name });
  return Object.freeze(Object.assign(named, { ...model, program }));
}
