/**
 * Large values run slice by slice: neighbouring stages that treat the slices of a value one by one become the body of a loop.
 *
 * In: the stages of a region. Out: the same work, where one slice goes through all stages of a loop before the next begins, so
 * that what they hand on stays in a cache. Buffers that nobody else touches hold one slice.
 */

import { accessesOf, dependsOn, rootsOf, strideOf } from "./accesses.ts";
import { axesOf as axesOfIndex } from "./indices.ts";
import { expressionsOf } from "./intern.ts";
import {
  type Access,
  type Axis,
  type Buffer,
  type Leaf,
  type Nest,
  type Product,
  pointsOf,
  type Repeat,
  type Stage,
} from "./loops.ts";
import { mappedLeaf } from "./merge-axes.ts";

/** Loops whose own buffers hold fewer cells stay whole: with 16 lanes these are a megabyte. */
const LEAST_CELLS = 16384;
/** Points of a product that must be left within a slice. */
const LEAST_POINTS = 64;

/** What slicing needs from its region. */
export interface Slicing {
  /** Does anything outside of the region touch the buffer? */
  readonly isShared: (buffer: Buffer) => boolean;
  readonly makeAxis: (size: number) => Axis;
  readonly makeBuffer: (like: Buffer, cells: number) => Buffer;
}

/** A stage of a loop, and its axis that the loop runs over. */
interface Member {
  readonly stage: Leaf;
  readonly axis: Axis;
}

/** The stages with loops over slices. */
export function withSlices(stages: readonly Leaf[], slicing: Slicing): Stage[] {
  const made: Stage[] = [];
  for (let next = 0; next < stages.length; ) {
    const found = loopFrom(stages, next, slicing);
    made.push(...(found?.before ?? []), found?.loop ?? (stages[next] as Leaf));
    next = found?.end ?? next + 1;
  }
  return made;
}

interface Found {
  readonly before: readonly Leaf[];
  readonly loop: Repeat;
  readonly end: number;
}

function loopFrom(stages: readonly Leaf[], start: number, slicing: Slicing): Found | undefined {
  const first = stages[start] as Leaf;
  for (const axis of axesOf(first)) {
    let members: readonly Member[] = [{ stage: first, axis }];
    if (!isSliced(members)) continue;
    const before: Leaf[] = [];
    let end = start + 1;
    for (; end < stages.length; end++) {
      const stage = stages[end] as Leaf;
      const isConnected = accessesOf(stage).some(({ buffer }) => writtenBy(members).has(buffer));
      const joined = isConnected ? joinedBy(members, stage) : undefined;
      if (joined !== undefined) members = joined;
      else if (isConnected) break;
      else before.push(stage);
    }
    const loop = loopOf(members, { stages, slicing });
    if (loop !== undefined) return { before, loop, end };
  }
  return undefined;
}

/** The members with one more stage, if it treats the same slices one by one. */
function joinedBy(members: readonly Member[], stage: Leaf): readonly Member[] | undefined {
  const size = members[0]?.axis.size;
  return axesOf(stage)
    .filter((axis) => axis.size === size)
    .map((axis) => [...members, { stage, axis }])
    .find(isSliced);
}

/** Axes that a loop around the stage may take from it: those that make its kernel no worse, and that no value is made of. */
function axesOf(stage: Leaf): readonly Axis[] {
  if (stage.kind !== "nest" && stage.kind !== "product") return [];
  const named = new Set(
    expressionsOf(rootsOf(stage)).flatMap((expr) => (expr.op === "axis" ? [expr.axis] : [])),
  );
  const inTables = accessesOf(stage).flatMap(({ index }) =>
    (index.indirect ?? []).flatMap((entry) => axesOfIndex(entry.index)),
  );
  return freeAxes(stage).filter((axis) => !named.has(axis) && !inTables.includes(axis));
}

function freeAxes(stage: Nest | Product): readonly Axis[] {
  if (stage.kind === "nest") return stage.axes;
  const { a, batch, m, n } = stage;
  const isPacked = a.buffer.space === "bound";
  const points = pointsOf([...batch, ...m, ...n]);
  return [...batch, ...n, ...(isPacked ? [] : m)].filter(
    (axis) => points / axis.size >= LEAST_POINTS && !(isPacked && dependsOn(a, axis)),
  );
}

const writtenBy = (members: readonly Member[]): Set<Buffer> =>
  new Set(members.flatMap(({ stage }) => stage.stores.map(({ access }) => access.buffer)));

/** Does every member touch, of all that members write, only the slice at its own place? */
function isSliced(members: readonly Member[]): boolean {
  const written = writtenBy(members);
  return members.every(({ stage, axis }) =>
    accessesOf(stage).every((access) => !written.has(access.buffer) || staysInside(access, axis)),
  );
}

/** Does the access touch, at each place of the axis, only that of as many slices of its buffer? */
export function staysInside({ buffer, index }: Access, axis: Axis): boolean {
  const slice = buffer.cells / axis.size;
  const others = index.terms.filter((term) => term.axis !== axis);
  const reach = (sign: number): number =>
    others.reduce((sum, term) => sum + Math.max(0, sign * term.stride) * (term.axis.size - 1), 0);
  return (
    index.indirect === undefined &&
    strideOf({ buffer, index }, axis) === slice &&
    index.offset - reach(-1) >= 0 &&
    index.offset + reach(1) < slice
  );
}

function loopOf(
  members: readonly Member[],
  { stages, slicing }: { stages: readonly Leaf[]; slicing: Slicing },
): Repeat | undefined {
  const inside = new Set(members.map(({ stage }) => stage));
  const outside = new Set(
    stages.flatMap((stage) => (inside.has(stage) ? [] : accessesOf(stage).map(({ buffer }) => buffer))),
  );
  const own = [...writtenBy(members)].filter((buffer) => !outside.has(buffer) && !slicing.isShared(buffer));
  const cells = own.reduce((sum, buffer) => sum + buffer.cells, 0);
  const size = (members[0] as Member).axis.size;
  if (cells < LEAST_CELLS || !members.some(({ stage }) => stage.kind === "product")) return undefined;
  const axis = slicing.makeAxis(size);
  const slices = new Map(
    own.map((buffer) => [buffer, slicing.makeBuffer(buffer, buffer.cells / size)] as const),
  );
  return { kind: "repeat", axis, stages: members.map((member) => bodyOf(member, axis, slices)) };
}

/** The stage for one slice. */
function bodyOf({ stage, axis }: Member, loop: Axis, slices: ReadonlyMap<Buffer, Buffer>): Leaf {
  return mappedLeaf(stage, {
    axes: (axes) => axes.filter((own) => own !== axis),
    access: ({ buffer, index }) => {
      const slice = slices.get(buffer);
      const terms = index.terms.flatMap((term) =>
        term.axis !== axis ? [term] : slice === undefined ? [{ axis: loop, stride: term.stride }] : [],
      );
      return { buffer: slice ?? buffer, index: { ...index, terms } };
    },
  });
}
