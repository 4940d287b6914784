/**
 * The inputs of a model and where their batch is.
 *
 * In: declared shapes and the user's `batchAxis` and `sizes`. Out: for each input its sizes and its batch axis. The one axis
 * without a size is the batch, whatever its name; a model exported with one literal row needs no proof, for it is called
 * once per row. What a person must say is asked for by name.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { at } from "../ir/shape.ts";
import type { GraphProto, ValueInfo } from "./model.ts";
import { type Dtype, dtypeOf } from "./tensor.ts";

/** An axis for every input, or one per input name; `null`: the whole input is one row. */
export type BatchAxisOption = number | null | Readonly<Record<string, number | null>>;

/** What a person may say about a model's inputs. */
export interface InputOptions {
  readonly batchAxis?: BatchAxisOption | undefined;
  /** Sizes of symbolic axes other than the batch, by symbol or as `input:axis`. */
  readonly sizes?: Readonly<Record<string, number>> | undefined;
}

/** One input of a model. */
export interface ModelInput {
  readonly name: string;
  readonly dtype: Dtype;
  /** Sizes of the axes; the batch axis counts as one. */
  readonly sizes: readonly number[];
  /** The axis left out of one row's shape; null if there is none. */
  readonly batchAxis: number | null;
  /** `tracked`: the batch is a symbol to be followed. `literal`: the model is one row. `shared`: the same for all rows. */
  readonly kind: "tracked" | "literal" | "shared";
}

interface Declared {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly (number | string)[];
}

/** The inputs that are not initializers, with their batch axes. */
export function modelInputs(graph: GraphProto, options: InputOptions): ModelInput[] {
  const stored = new Set(graph.initializers.map(({ name }) => name));
  const declared = graph.inputs
    .filter(({ name }) => !stored.has(name))
    .map((info) => declaredInput(info, options.sizes ?? {}));
  requireKnownNames(declared, options);
  const axes = declared.map((input) => chosenAxis(input, options.batchAxis));
  const anyTracked = declared.some((input, index) => isOpen(input, axes[index] ?? null));
  const anyRow = declared.some(
    (input) => typeof optionFor(input, options.batchAxis) === "number" || firstIsOne(input),
  );
  return declared.map((input, index) => {
    const said = optionFor(input, options.batchAxis);
    return placed(input, { axis: at(axes, index), anyTracked, anyRow: anyRow || said === null, said });
  });
}

function declaredInput({ name = "", type }: ValueInfo, sizes: Readonly<Record<string, number>>): Declared {
  const tensor = type?.tensor;
  if (tensor === undefined)
    throw new UnsupportedError(
      "JR507",
      `input "${name}" is no tensor (sequences, maps and optionals are not read).`,
    );
  if (tensor.shape === undefined)
    throw new UsageError(
      "JR508",
      `input "${name}" has no declared shape, not even a rank. Export the model with shapes.`,
    );
  const dims = tensor.shape.dims.map(({ value, symbol }, axis) => {
    const given = sizes[`${name}:${axis}`] ?? (symbol === undefined ? undefined : sizes[symbol]);
    return given ?? (value !== undefined && value >= 0 ? value : (symbol ?? "?"));
  });
  return { name, dtype: dtypeOf(tensor.element, `input "${name}"`), dims };
}

function optionFor({ name }: Declared, option: BatchAxisOption | undefined): number | null | undefined {
  if (option === null || typeof option !== "object") return option;
  return Object.hasOwn(option, name) ? option[name] : undefined;
}

function requireKnownNames(declared: readonly Declared[], { batchAxis }: InputOptions): void {
  if (batchAxis === null || typeof batchAxis !== "object") return;
  const wrong = Object.keys(batchAxis).find((name) => declared.every((input) => input.name !== name));
  if (wrong !== undefined)
    throw new UsageError(
      "JR508",
      `batchAxis names the input "${wrong}"; the model has ${declared.map(({ name }) => `"${name}"`).join(", ")}.`,
    );
}

/** The axis a person chose, else the only one without a size, else none. */
function chosenAxis(input: Declared, option: BatchAxisOption | undefined): number | null {
  const said = optionFor(input, option);
  const { name, dims } = input;
  if (typeof said === "number") {
    const axis = said < 0 ? said + dims.length : said;
    if (!Number.isInteger(axis) || axis < 0 || axis >= dims.length)
      throw new UsageError(
        "JR508",
        `batchAxis ${said} is no axis of input "${name}" with shape ${showDims(dims)}.`,
      );
    return axis;
  }
  const open = openAxes(input);
  if (open.length > 1) return ask(input, open);
  if (said === null && open.length > 0) return ask(input, open);
  return said === null ? null : (open[0] ?? null);
}

function openAxes({ dims }: Declared): number[] {
  return dims.flatMap((dim, axis) => (typeof dim === "string" ? [axis] : []));
}

function isOpen({ dims }: Declared, axis: number | null): boolean {
  return axis !== null && typeof dims[axis] === "string";
}

function firstIsOne({ dims }: Declared): boolean {
  return dims[0] === 1;
}

function ask({ name, dims }: Declared, open: readonly number[]): never {
  const axes = open.map((axis) => `${axis} (${JSON.stringify(at(dims, axis))})`).join(", ");
  const other = at(open, open.length - 1);
  throw new UsageError(
    "JR508",
    `input "${name}" has shape ${showDims(dims)}: axes ${axes} have no size, and names prove nothing. Say which is the batch and how large the others are: { batchAxis: ${open[0]}, sizes: { "${name}:${other}": 16 } }.`,
  );
}

interface Placing {
  readonly axis: number | null;
  readonly anyTracked: boolean;
  readonly anyRow: boolean;
  readonly said: number | null | undefined;
}

function placed(input: Declared, { axis, anyTracked, anyRow, said }: Placing): ModelInput {
  const { name, dtype, dims } = input;
  const rest = dims.filter((_, index) => index !== axis);
  if (rest.some((dim) => typeof dim === "string")) return ask(input, openAxes(input));
  const sizes = dims.map((dim) => (typeof dim === "string" ? 1 : dim));
  if (isOpen(input, axis)) return { name, dtype, sizes, batchAxis: axis, kind: "tracked" };
  if (axis !== null && at(dims, axis) !== 1) {
    throw new UnsupportedError(
      "JR509",
      `input "${name}" has shape ${showDims(dims)}: its batch axis ${axis} is fixed at ${at(dims, axis)} rows. Export the model with a dynamic batch axis, or with one row.`,
    );
  }
  if (anyTracked) return { name, dtype, sizes, batchAxis: null, kind: "shared" };
  if (!anyRow) {
    throw new UsageError(
      "JR508",
      `input "${name}" has shape ${showDims(dims)}, where no axis is open and the first is not 1. If the whole input is one row, say { batchAxis: null }; else export the model with a dynamic batch axis.`,
    );
  }
  return {
    name,
    dtype,
    sizes,
    batchAxis: axis ?? (said === undefined && firstIsOne(input) ? 0 : null),
    kind: "literal",
  };
}

function showDims(dims: readonly (number | string)[]): string {
  return dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(", ")})`;
}
