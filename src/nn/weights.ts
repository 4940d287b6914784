/**
 * Weights by name: a tree's arrays under the names PyTorch gives them, and a PyTorch `state_dict` back onto a tree.
 *
 * In: a tree, named arrays. Out: named arrays, a new tree. Always: every array of the tree is found once, with its own
 * shape, or an error lists all that is missing, left over or of another shape.
 */

import { UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import { callback, text } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import type { Leaf } from "../trace/structure.ts";
import { unflatten } from "../trace/structure.ts";
import { flattenTree, type Parameter, type ParameterTree } from "./tree.ts";

/** A named array of a file or of a `state_dict`. */
export interface NamedTensor {
  readonly data: ArrayLike<number | bigint>;
  readonly shape: readonly number[];
}

/** Arrays by name, in the file's order. */
export type NamedTensors = ReadonlyMap<string, NamedTensor>;

/** How names of a `state_dict` are matched. */
export interface LoadWeightsOptions {
  /** Stands before every name: "net." for `net.0.weight`. Other arrays are ignored. */
  readonly prefix?: string;
  /** From a name of the tree (`0.weight`) to one of the `state_dict`. */
  readonly rename?: (name: string) => string;
}

/** The arrays of a tree by name. */
export function namedParameters(tree: ParameterTree): ReadonlyMap<string, Parameter> {
  return new Map(flattenTree(tree).leaves.map(({ name, value }) => [name, value]));
}

/**
 * A tree like `parameters` with the numbers of a `state_dict`: by equal names; or, where no name fits (`nn.Sequential`
 * counts activations too), in order of the numbers in their names.
 */
export function loadWeights<P extends ParameterTree>(
  parameters: P,
  tensors: NamedTensors,
  options: LoadWeightsOptions = {},
): P {
  checkOptions("loadWeights", { prefix: text, rename: callback }, options);
  const { prefix = "", rename = (name) => name } = options;
  const { leaves, structure } = flattenTree(parameters);
  const own = new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
  const wanted = leaves.map(({ name }) => rename(name));
  const names = wanted.every((name) => own.has(name)) ? wanted : inOrder(leaves, own);
  refuseMisfits({ leaves, names: names ?? wanted, own });
  return unflatten(structure, (index) => {
    const { value } = leaves[index] as Leaf<Parameter>;
    return converted(value, own.get((names ?? wanted)[index] as string) as NamedTensor);
  }) as P;
}

/** Names in their natural order (2 before 10), weights before biases, if their shapes then fit one by one. */
function inOrder(leaves: readonly Leaf<Parameter>[], own: NamedTensors): string[] | undefined {
  const rank = (name: string): string => name.replace(/weight$/, "0").replace(/bias$/, "1");
  const names = [...own.keys()].sort((a, b) => rank(a).localeCompare(rank(b), "en", { numeric: true }));
  const fits =
    names.length === leaves.length &&
    names.every(
      (name, index) => sameShape(own.get(name), leaves[index]?.value) && sameKind(name, leaves[index]),
    );
  return fits ? names : undefined;
}

function sameKind(name: string, leaf: Leaf<Parameter> | undefined): boolean {
  const last = (path: string): string | undefined => path.split(".").at(-1);
  return last(name) === last(leaf?.name ?? "");
}

function sameShape(a: NamedTensor | undefined, b: NamedTensor | undefined): boolean {
  return a !== undefined && b !== undefined && showShape(a.shape) === showShape(b.shape);
}

function refuseMisfits(what: {
  readonly leaves: readonly Leaf<Parameter>[];
  readonly names: readonly string[];
  readonly own: NamedTensors;
}): void {
  const { leaves, names, own } = what;
  const problems = leaves.flatMap(({ value }, index) => {
    const name = names[index] as string;
    const found = own.get(name);
    if (found === undefined) return [`${name} ${showShape(value.shape)} is missing`];
    if (sameShape(found, value)) return [];
    return [`${name} has shape ${showShape(found.shape)}, not ${showShape(value.shape)}`];
  });
  const spare = [...own.keys()].filter((name) => !names.includes(name));
  if (spare.length > 0) problems.push(`left over: ${spare.join(", ")}`);
  if (problems.length === 0) return;
  throw new UsageError(
    "JR831",
    `the weights do not fit the definition: ${problems.join("; ")}. Use prefix or rename to map names`,
  );
}

function converted({ data, shape }: Parameter, tensor: NamedTensor): Parameter {
  const copy = data.slice();
  for (let i = 0; i < copy.length; i++) copy[i] = Number(tensor.data[i]);
  return { data: copy, shape };
}
