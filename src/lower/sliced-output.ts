/**
 * Wide results are made slice by slice: the last stage becomes a loop, if it is none, each step of which makes a part of every row.
 *
 * In: the stages of a program, the last of which makes a large output. Out: the stages with that loop, and the port whose buffer holds
 * one slice, to be written out after every step: so that a tile's rows never lie in memory twice, and a slice stays in a cache.
 */

import { accessesOf, dependsOn, rootsOf } from "./accesses.ts";
import { axesOf } from "./indices.ts";
import { expressionsOf } from "./intern.ts";
import {
  type Access,
  type Axis,
  type Buffer,
  type Leaf,
  type Port,
  type Product,
  pointsOf,
  type Repeat,
  type Stage,
} from "./loops.ts";
import { mappedLeaf } from "./merge-axes.ts";
import { bodyOf, buffersOf, isSliced, staysInside } from "./slices.ts";

/** Outputs of fewer cells stay whole: with 16 lanes these are a megabyte. */
const LEAST_CELLS = 16384;
/** Cells of a slice: half of a common second-level cache. */
const MOST_SLICE = 8192;
/** Cells of a slice that are worth a copy of their own. */
const LEAST_SLICE = 128;
/** Points of a product that must be left within a part of a slice. */
const LEAST_POINTS = 512;
/** Places of the axis within a slice: blocks of registers want as many. */
const LEAST_PLACES = 4;

interface Slicing {
  readonly outputs: readonly Buffer[];
  /** All buffers; the slice is added. */
  readonly buffers: Buffer[];
  readonly makeAxis: (size: number) => Axis;
}

interface Sliced {
  readonly stages: readonly Stage[];
  readonly port: Port;
  /** The buffer that is no more. */
  readonly whole: Buffer;
}

/** The program's stages with the last one in slices, if that makes a large output of its own. */
export function withSlicedOutput(stages: readonly Stage[], slicing: Slicing): Sliced | undefined {
  const last = stages.at(-1);
  if (last?.kind !== "product" && last?.kind !== "repeat") return undefined;
  const before = new Set(
    stages
      .slice(0, -1)
      .flatMap(touchesOf)
      .map(({ buffer }) => buffer),
  );
  const whole = slicing.outputs.find(
    (buffer, index) =>
      buffer.cell === "float" &&
      buffer.cells >= LEAST_CELLS &&
      !before.has(buffer) &&
      slicing.outputs.indexOf(buffer) === index &&
      slicing.outputs.lastIndexOf(buffer) === index &&
      touchesOf(last).some((access) => access.buffer === buffer),
  );
  const loop = whole && (last.kind === "repeat" ? ownLoop(last, whole) : cutProduct(last, whole, slicing));
  return loop && whole && sliced(stages, { loop, whole }, slicing);
}

/** The loop itself, if every step makes a slice. */
function ownLoop(loop: Repeat, whole: Buffer): Repeat | undefined {
  const { axis, stages } = loop;
  const staysSliced = stages.every(
    (stage) =>
      (stage.kind === "product" || stage.kind === "nest") &&
      accessesOf(stage).every((access) => access.buffer !== whole || staysInside(access, axis)),
  );
  return staysSliced && whole.cells / axis.size >= LEAST_SLICE ? loop : undefined;
}

/** A loop over parts of a product, each of several places of the result's outermost axis. */
function cutProduct(last: Product, whole: Buffer, { makeAxis }: Slicing): Repeat | undefined {
  const axis = [...last.batch, ...last.m, ...last.n].find((each) => isFree(last, each));
  if (axis === undefined || last.stores.length > 1) return undefined;
  const places = placesOf(axis, whole.cells / axis.size);
  if (places < LEAST_PLACES) return undefined;
  const [steps, inner] = [makeAxis(axis.size / places), makeAxis(places)];
  const part = mappedLeaf(last, {
    axes: (axes) => axes.map((own) => (own === axis ? inner : own)),
    access: ({ buffer, index }) => ({
      buffer,
      index: {
        ...index,
        terms: index.terms.flatMap((term) =>
          term.axis !== axis
            ? [term]
            : [
                { axis: steps, stride: term.stride * places },
                { axis: inner, stride: term.stride },
              ],
        ),
      },
    }),
  });
  return { kind: "repeat", axis: steps, stages: [part] };
}

const touchesOf = (stage: Stage): readonly Access[] =>
  stage.kind === "repeat" ? stage.stages.flatMap(touchesOf) : accessesOf(stage);

/** Can the axis be cut: the outermost of the result, and neither a value, nor in a table, nor that of packed weights? */
function isFree(product: Product, axis: Axis): boolean {
  const accesses = accessesOf(product);
  const named = expressionsOf(rootsOf(product)).some((expr) => expr.op === "axis" && expr.axis === axis);
  const inTable = accesses.some(({ index }) =>
    (index.indirect ?? []).some((entry) => axesOf(entry.index).includes(axis)),
  );
  const ofWeights = product.a.buffer.space === "bound" && dependsOn(product.a, axis);
  return !named && !inTable && !ofWeights && product.stores.every(({ access }) => staysInside(access, axis));
}

/** The largest divisor of the axis for which slices are small enough. */
function placesOf({ size }: Axis, cells: number): number {
  let places = Math.min(size / 2, Math.floor(MOST_SLICE / cells));
  while (places > 0 && size % places !== 0) places--;
  return places;
}

/** The stages with a loop that makes slices at the end: its steps write one and the same buffer. */
function sliced(
  stages: readonly Stage[],
  { loop, whole }: { loop: Repeat; whole: Buffer },
  slicing: Slicing,
): Sliced {
  const { buffers } = slicing;
  const { axis } = loop;
  const slice: Buffer = { ...whole, id: buffers.length, space: "tile", cells: whole.cells / axis.size };
  buffers.push(slice);
  const access = (own: Access): Access => {
    if (own.buffer !== whole) return own;
    const terms = own.index.terms.filter((term) => term.axis !== axis);
    return { buffer: slice, index: { ...own.index, terms } };
  };
  const body = loop.stages.map((stage) => mappedLeaf(stage as Leaf, { axes: (axes) => axes, access }));
  const before = stages.slice(0, -1);
  const outside = new Set([...slicing.outputs, ...before.flatMap(touchesOf).map(({ buffer }) => buffer)]);
  const parts = inParts(body, { slice, outside }, slicing);
  const port = { name: whole.name, buffer: slice, slices: axis.size };
  if (parts === undefined) return { stages: [...before, { ...loop, stages: body }], port, whole };
  return {
    stages: [...before, { ...loop, stages: parts.body }],
    port: { ...port, buffer: parts.part, slices: axis.size * parts.count },
    whole,
  };
}

/**
 * A body whose last stage makes a large slice, with that stage in a loop of its own over parts of the slice, and in it those that make
 * for it alone what is as large: so that a part stays in a first-level cache.
 */
function inParts(
  body: readonly Leaf[],
  { slice, outside }: { slice: Buffer; outside: ReadonlySet<Buffer> },
  { buffers, makeAxis }: Slicing,
): { body: readonly Stage[]; part: Buffer; count: number } | undefined {
  const last = body.at(-1);
  if (last?.kind !== "product" || slice.cells <= MOST_SLICE) return undefined;
  const touches = (stage: Leaf, buffer: Buffer): boolean =>
    accessesOf(stage).some((access) => access.buffer === buffer);
  if (body.slice(0, -1).some((stage) => touches(stage, slice))) return undefined;
  const axis = [...last.batch, ...last.m, ...last.n].find((each) => isFree(last, each));
  if (axis === undefined || !isWorth(last, axis)) return undefined;
  const own = new Map<Leaf, Axis>([[last, axis]]);
  const large = new Set([slice]);
  for (const [index, stage] of body.slice(0, -1).entries()) {
    const [made, ...others] = buffersOf(stage);
    if (made === undefined || others.length > 0 || made.cells < slice.cells || outside.has(made)) continue;
    const isForLast = body.every((each) => each === stage || each === last || !touches(each, made));
    const isMovable = body
      .slice(index + 1)
      .every((each) => [...buffersOf(each)].every((buffer) => !touches(stage, buffer)));
    if (!isForLast || !isMovable || !isSliced({ stage: last, axis }, new Set([made]))) continue;
    const found = axesOfProduct(stage).find(
      (each) => each.size === axis.size && isFree(stage as Product, each) && isWorth(stage as Product, each),
    );
    if (found === undefined) continue;
    own.set(stage, found);
    large.add(made);
  }
  const loop = makeAxis(axis.size);
  const parts = new Map(
    [...large].map((buffer) => {
      const part: Buffer = { ...buffer, id: buffers.length, space: "tile", cells: buffer.cells / axis.size };
      buffers.push(part);
      return [buffer, part] as const;
    }),
  );
  const stages = [...own].map(([stage, each]) => bodyOf({ stage, axis: each }, loop, parts));
  const inner: Repeat = { kind: "repeat", axis: loop, stages: [...stages.slice(1), ...stages.slice(0, 1)] };
  return {
    body: [...body.filter((stage) => !own.has(stage)), inner],
    part: parts.get(slice) as Buffer,
    count: axis.size,
  };
}

const axesOfProduct = (stage: Leaf): readonly Axis[] =>
  stage.kind === "product" ? [...stage.batch, ...stage.m, ...stage.n] : [];

/** Does a part of the product fill registers? */
const isWorth = ({ batch, m, n }: Product, axis: Axis): boolean =>
  pointsOf([...batch, ...m, ...n]) / axis.size >= LEAST_POINTS;
