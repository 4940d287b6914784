/**
 * `J.bind`: rows and results that stay in place, for control loops.
 *
 * In: a compiled function, n and the shared inputs. Out: views to write rows into, views of the results, and `run()`,
 * which allocates nothing.
 */

import { type FloatData, NdArray } from "../data/ndarray.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { at, sameShape, showShape } from "../ir/shape.ts";
import type { Shape } from "../trace/shapes.ts";
import type { Structure } from "../trace/structure.ts";
import type { InputSpec, Signature } from "../trace/trace.ts";
import { type Floats, inWidth, readShared } from "./arguments.ts";
import type { Compiled } from "./compiled.ts";
import type { Bound, InputShapes } from "./types.ts";

/** Preallocates n rows of a compiled function. */
export function bound(
  compiled: Compiled,
  signature: Signature,
  { n, shared }: { n: number; shared: Readonly<Record<string, unknown>> },
): Bound<unknown> {
  const { dtype } = compiled.options;
  const inputs = signature.inputs.filter(({ level }) => level !== "row");
  const sharedData = inputs.map((input) => sharedFloats(input, shared, dtype));
  const run = compiled.sync().bindFixed(n, sharedData);
  const copied = inputs.flatMap((input, index) =>
    readShared(shared[input.name], input.name).data === sharedData[index] ? [] : [{ input, index }],
  );
  // Native code has their addresses, so it would write into memory that is somebody else's by now.
  const kept = [...run.inputs, ...run.outputs].filter(({ length }) => length > 0);
  let next = 0;
  const views = signature.inputs.map(({ level, shape }) =>
    level === "row" ? new NdArray(at(run.inputs, next++) as FloatData, [n, ...shape]) : undefined,
  );
  return {
    inputs: inputViews(signature.structure, views),
    result: compiled.results.nest(run.outputs, n),
    run: () => {
      for (let index = 0; index < kept.length; index++) if (at(kept, index).length === 0) throw transferred();
      run.run();
    },
    rebind: () => {
      copied.forEach(({ input, index }) => {
        sharedData[index] = sharedFloats(input, shared, dtype);
      });
      run.rebind(sharedData);
    },
  };
}

function transferred(): UsageError {
  return new UsageError(
    "JR448",
    "a view of this bound run was transferred (postMessage, structuredClone); send a copy of it, and bind again",
  );
}

/** Shapes by name, those of shared inputs taken from the values given where they are not told. */
export function withSharedShapes(
  inputs: InputShapes,
  shared: Readonly<Record<string, unknown>>,
): InputShapes {
  if (isList(inputs)) return inputs;
  const given = Object.entries(shared).map(([name, value]) => [name, readShared(value, name).shape] as const);
  return { ...Object.fromEntries(given), ...inputs };
}

/** Shapes by position, or one shape. */
function isList(inputs: InputShapes): inputs is Exclude<InputShapes, Readonly<Record<string, Shape>>> {
  return typeof inputs !== "object" || Array.isArray(inputs);
}

/** Values of shared inputs by name, given by name or position; others are refused, so a misspelt name is not lost. */
export function sharedByName(
  { inputs }: Signature,
  shared: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const known = inputs.flatMap(({ name, level }, index) => (level === "row" ? [] : [{ name, index }]));
  const entries = Object.entries(shared).map(([key, value]) => {
    const one = known.find(({ name }) => name === key) ?? known.find(({ index }) => String(index) === key);
    if (one !== undefined) return [one.name, value] as const;
    const has = known.map(({ name, index }) => `${name} (position ${index})`).join(", ") || "none";
    throw new UsageError("JR455", `bind has no shared input ${key}; there are ${has}`);
  });
  return Object.fromEntries(entries);
}

function sharedFloats(
  { name, shape }: InputSpec,
  shared: Readonly<Record<string, unknown>>,
  dtype: FloatType,
): Floats {
  const value = shared[name];
  if (value === undefined)
    throw new UsageError("JR445", `bind needs the shared input ${name} ${showShape(shape)}`);
  const read = readShared(value, name);
  if (sameShape(read.shape, shape)) return inWidth(read.data, dtype);
  throw new UsageError(
    "JR446",
    `the shared input ${name} has shape ${showShape(read.shape)}, but ${showShape(shape)} was compiled for`,
  );
}

/** The views as the function takes its arguments, a lone one bare, shared ones left out. */
function inputViews(structure: Structure, views: readonly (NdArray | undefined)[]): unknown {
  const items = structure.kind === "array" ? structure.items : [structure];
  const kept = items.map((item) => viewsOf(item, views)).filter((view) => view !== undefined);
  return kept.length === 1 ? kept[0] : kept;
}

function viewsOf(structure: Structure, views: readonly (NdArray | undefined)[]): unknown {
  if (structure.kind === "leaf") return views[structure.index];
  if (structure.kind === "array") return inputViews(structure, views);
  const entries = structure.entries.map(([key, item]) => [key, viewsOf(item, views)] as const);
  return Object.fromEntries(entries.filter(([, view]) => view !== undefined));
}
