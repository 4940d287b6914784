/**
 * The two functions most users need: `jacrow(f)`, the Jacobian of f for every row, and `rows(g)`, g for every row.
 *
 * In: a function of one row or a loaded model, and options. Out: a function of all rows, compiled on first use for the
 * shapes and width it is called with, and kept for later calls.
 */

import type { NdArray } from "../data/ndarray.ts";
import { UsageError } from "../errors.ts";
import type {
  Mapped,
  NamedFunction,
  PerInput,
  PerRowInput,
  PositionalFunction,
} from "../trace/function-types.ts";
import { checkOptions } from "../trace/options.ts";
import { isRowFunction, modelOf, type RowFunction } from "../trace/row-function.ts";
import { type AnyFunction, describe } from "../trace/trace.ts";
import { modelDtype, modelSignature } from "./model.ts";
import { jacobianRules, runRules } from "./options.ts";
import { planJacobian, planRows } from "./plan.ts";
import { type Runnable, Runner } from "./runner.ts";
import type { Given, GivenFor, JacrowOptions, RowMap, RunOptions } from "./types.ts";

/** Arguments of a model: rows by position, or one object by name. */
export type ModelArguments = readonly (Given | Readonly<Record<string, Given>>)[];

/** A model's row inputs to write into, by name. */
export type ModelViews = Readonly<Record<string, NdArray>>;

type JacobianRows<F extends (...args: never[]) => unknown, O> = RowMap<
  GivenFor<Parameters<F>>,
  Mapped<ReturnType<F>, PerInput<Parameters<F>, O, NdArray>>,
  PerRowInput<Parameters<F>, O, NdArray>
>;

/**
 * The row-wise Jacobian of f: `await jacrow(f)(X)` is Z[i, …out, …in] = ∂f(X[i])[…out] / ∂X[i][…in]. Several outputs
 * or inputs give the nest Z[output][input], a lone level collapsed.
 *
 * f runs once for each new set of shapes, not once per row: arrays and numbers that it closes over are read then and frozen,
 * so later changes to them change nothing. Pass what changes between calls as a `shared` argument.
 */
export function jacrow<R = NdArray>(
  model: RowFunction,
  options?: JacrowOptions,
): RowMap<ModelArguments, R, ModelViews>;
export function jacrow<F extends PositionalFunction, const O extends JacrowOptions = JacrowOptions>(
  f: F,
  options?: O,
): JacobianRows<F, O>;
export function jacrow<F extends NamedFunction, const O extends JacrowOptions = JacrowOptions>(
  f: F,
  options?: O,
): JacobianRows<F, O>;
export function jacrow(f: AnyFunction, options: JacrowOptions = {}): unknown {
  checkOptions("jacrow", jacobianRules, options);
  const plan: Runnable["plan"] = (signature, checkSizes) =>
    planJacobian(f, signature, { ...options, checkSizes });
  return rowMap(`jacrow(${nameOf("jacrow", f)})`, f, { options, plan });
}

/** Runs g, a function of one row, over all rows; `rows(jacobian(f))` is `jacrow(f)`. */
export function rows<R = NdArray>(
  model: RowFunction,
  options?: RunOptions,
): RowMap<ModelArguments, R, ModelViews>;
export function rows<G extends PositionalFunction, const O extends RunOptions = RunOptions>(
  g: G,
  options?: O,
): RowMap<GivenFor<Parameters<G>>, Mapped<ReturnType<G>, NdArray>, PerRowInput<Parameters<G>, O, NdArray>>;
export function rows<G extends NamedFunction, const O extends RunOptions = RunOptions>(
  g: G,
  options?: O,
): RowMap<GivenFor<Parameters<G>>, Mapped<ReturnType<G>, NdArray>, PerRowInput<Parameters<G>, O, NdArray>>;
export function rows(g: AnyFunction, options: RunOptions = {}): unknown {
  checkOptions("rows", runRules, options);
  const plan: Runnable["plan"] = (signature) => planRows(g, signature, options);
  return rowMap(`rows(${nameOf("rows", g)})`, g, { options, plan });
}

function nameOf(what: string, f: unknown): string {
  if (typeof f === "function") return f.name === "" ? "f" : f.name;
  const advice = f instanceof Promise ? ": await it first" : "";
  throw new UsageError(
    "JR400",
    `${what} takes a function of one row or a loaded model, got ${describe(f)}${advice}`,
  );
}

function rowMap(
  name: string,
  f: AnyFunction,
  { options, plan }: { options: RunOptions; plan: Runnable["plan"] },
): RowMap<readonly unknown[], unknown> {
  const model = modelOf(f);
  const runner = new Runner(
    {
      name,
      arity: f.length,
      dtype: model && modelDtype(model),
      signature: isRowFunction(f) ? modelSignature(f) : undefined,
      shapes: model?.inputs.map(({ shape }) => shape),
      plan,
    },
    options,
  );
  const call = (...args: readonly unknown[]): Promise<unknown> => runner.run(args);
  Object.defineProperty(call, "name", { value: name });
  Object.defineProperty(call, "info", { get: () => runner.info });
  return Object.assign(call, {
    sync: (...args: readonly unknown[]) => runner.sync(args),
    one: (...args: readonly unknown[]) => runner.one(args),
    compile: runner.compile.bind(runner),
    bind: runner.bind.bind(runner),
    explain: runner.explain.bind(runner),
    pattern: runner.pattern.bind(runner),
    dispose: runner.dispose.bind(runner),
  }) as unknown as RowMap<readonly unknown[], unknown>;
}
