/**
 * `grad(loss)`: the gradient of a mean or sum over rows with respect to parameters that all rows share.
 *
 * In: a loss of (parameters, row), a parameter tree and rows by name. Out: the loss and a tree of gradients, or every
 * row's own gradient (n, |θ|). Always: sums over rows have a fixed order and scratch memory does not depend on n.
 */

import { NdArray } from "../data/ndarray.ts";
import { UsageError } from "../errors.ts";
import { type Loss, lossAndGradient, type RowValues } from "../nn/gradient.ts";
import { flattenTree, type Parameter, type ParameterTree, type Traced, widthOf } from "../nn/tree.ts";
import { concat, flatten } from "../trace/functions.ts";
import { oneOf, type RulesFor } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { rowMean, rowSum } from "../trace/row-sums.ts";
import type { Tensor } from "../trace/shapes.ts";
import { type Structure, unflatten } from "../trace/structure.ts";
import { rows } from "./jacrow.ts";
import { rulesOf } from "./options.ts";
import type { Given, RowMap, RunOptions } from "./types.ts";

/** Rows by the names under which the loss reads them. */
export type GivenRows<R extends RowValues = RowValues> = { readonly [K in keyof R]: Given };

/** Options of `grad`: those of `rows`, and what is made of the rows' losses. */
export interface GradientOptions extends Omit<RunOptions, "shared" | "allowZero"> {
  /** "mean" by default; "none": every row's own gradient. */
  readonly reduction?: "mean" | "sum" | "none";
}

const rules: RulesFor<GradientOptions> = {
  ...rulesOf("device", "dtype", "threads", "deterministic", "maxBytes"),
  reduction: oneOf("mean", "sum", "none"),
};

/** A loss and its gradient, as flat lists in the order of the tree's leaves. */
interface FlatResult {
  readonly loss: NdArray;
  readonly gradient: readonly NdArray[];
}

/** The loss over all rows, and its gradient in the nest of the parameters. */
export interface Gradient<P extends ParameterTree> {
  readonly loss: number;
  readonly gradient: P;
}

/** Losses (n) and gradients (n, |θ|) of every row; parameters follow each other in the order of the tree's leaves. */
export interface RowGradients {
  readonly loss: NdArray;
  readonly gradient: NdArray;
}

/** A gradient over rows. */
export interface GradientMap<P extends ParameterTree, R extends RowValues, Result> {
  (parameters: P, rows: GivenRows<R>): Promise<Result>;
  /** The same on the calling thread, at once. */
  sync(parameters: P, rows: GivenRows<R>): Result;
}

/** Every input is named: parameters by their paths, rows by the caller. */
type Inputs = Readonly<Record<string, Tensor>>;
type NamedRows<Result> = RowMap<readonly [Readonly<Record<string, Given>>], Result>;

/** The name of a parameter among the inputs. */
export const parameterName = (path: string): string => `parameters.${path}`;

/** ∂/∂parameters of the mean, or the sum, of a loss over rows. */
export function grad<P extends ParameterTree, R extends RowValues = RowValues>(
  loss: Loss<P, R>,
  options: GradientOptions & { readonly reduction: "none" },
): GradientMap<P, R, RowGradients>;
export function grad<P extends ParameterTree, R extends RowValues = RowValues>(
  loss: Loss<P, R>,
  options?: GradientOptions & { readonly reduction?: "mean" | "sum" },
): GradientMap<P, R, Gradient<P>>;
export function grad<P extends ParameterTree, R extends RowValues>(
  loss: Loss<P, R>,
  options: GradientOptions = {},
): GradientMap<P, R, Gradient<P> | RowGradients> {
  checkOptions("grad", rules, options);
  const maps = new Map<string, NamedRows<unknown>>();
  const mapFor = (parameters: P): { map: NamedRows<unknown>; structure: Structure } => {
    const flat = flattenTree(parameters);
    const { structure } = flat;
    const paths = flat.leaves.map(({ name }) => name);
    const dtype = options.dtype ?? widthOf(flat);
    const key = JSON.stringify([structure, paths, dtype]);
    const map = maps.get(key) ?? gradientRows(loss, { structure, paths, options: { ...options, dtype } });
    maps.set(key, map);
    return { map, structure };
  };
  const call = async (parameters: P, given: GivenRows<R>): Promise<Gradient<P> | RowGradients> => {
    const { map, structure } = mapFor(parameters);
    return nested(structure, await map(named(parameters, given)));
  };
  const sync = (parameters: P, given: GivenRows<R>): Gradient<P> | RowGradients => {
    const { map, structure } = mapFor(parameters);
    return nested(structure, map.sync(named(parameters, given)));
  };
  return Object.assign(call, { sync });
}

/** The parameters of a loss: their nest, their paths, and how to run. */
interface Frame {
  readonly structure: Structure;
  readonly paths: readonly string[];
  readonly options: GradientOptions;
}

/** The function of all rows behind `grad`, with parameters as named shared inputs. */
export function gradientRows<P extends ParameterTree, R extends RowValues>(
  loss: Loss<P, R>,
  frame: Frame,
): NamedRows<unknown> {
  const { reduction = "mean" } = frame.options;
  const reduced = reduction === "mean" ? rowMean : reduction === "sum" ? rowSum : undefined;
  return framed(`gradient of ${loss.name || "the loss"}`, frame, (leaves, row: R) => {
    const found = lossAndGradient(loss, frame.structure, { leaves, row });
    if (reduced === undefined)
      return { loss: found.loss, gradient: concat(found.gradient.map((part) => flatten(part))) };
    return { loss: reduced(found.loss), gradient: found.gradient.map((part) => reduced(part)) };
  });
}

/** The mean of a loss over rows, without its gradient. */
export function lossRows<P extends ParameterTree, R extends RowValues>(
  loss: Loss<P, R>,
  frame: Frame,
): NamedRows<unknown> {
  return framed(loss.name || "loss", frame, (leaves, row: R) =>
    rowMean(loss(unflatten(frame.structure, (index) => leaves[index]) as Traced<P>, row)),
  );
}

/** A function of all rows in which parameters are named shared inputs. */
function framed<R extends RowValues>(
  name: string,
  { paths, options }: Frame,
  make: (leaves: readonly Tensor[], row: R) => unknown,
): NamedRows<unknown> {
  const { reduction: _, ...run } = options;
  const shared = paths.map(parameterName);
  const step = (inputs: Inputs): unknown => {
    const row = Object.entries(inputs).filter(([input]) => !shared.includes(input));
    const leaves = shared.map((input) => inputs[input] as Tensor);
    return make(leaves, Object.fromEntries(row) as R);
  };
  Object.defineProperty(step, "name", { value: name });
  return rows(step, { ...run, shared, allowZero: true }) as unknown as NamedRows<unknown>;
}

/** Parameters and rows as one object of named inputs. */
export function named(
  parameters: ParameterTree,
  given: Readonly<Record<string, Given>>,
): Readonly<Record<string, Given>> {
  const entries = flattenTree(parameters).leaves.map(({ name, value }): [string, Given] => [
    parameterName(name),
    value,
  ]);
  const clash = Object.keys(given).find((name) => name.startsWith("parameters."));
  if (clash !== undefined) throw new UsageError("JR811", `rows cannot be named ${clash}`);
  return { ...Object.fromEntries(entries), ...given };
}

function nested<P extends ParameterTree>(structure: Structure, result: unknown): Gradient<P> | RowGradients {
  const { loss, gradient } = result as FlatResult | RowGradients;
  if (gradient instanceof NdArray) return { loss, gradient };
  const leaf = (index: number): Parameter => {
    const { data, shape } = gradient[index] as NdArray;
    return { data, shape };
  };
  return { loss: loss.data[0] as number, gradient: unflatten(structure, leaf) as P };
}
