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
export interface Member {
  readonly stage: Leaf;
  readonly axis: Axis;
}

/** The stages with loops over slices. */
export function withSlices(stages: readonly Leaf[], slicing: Slicing): Stage[] {
  const made: Stage[] = [];
  const promising = promisingAxes(stages);
  for (let next = 0; next < stages.length; ) {
    const found = loopFrom(stages, { start: next, axes: promising[next] as Axis[] }, slicing);
    made.push(...(found?.before ?? []), found?.loop ?? (stages[next] as Leaf));
    next = found?.end ?? next + 1;
  }
  return made;
}

/** For each stage the axes of its own by which loops from there on may come to enough cells, and to a product. */
function promisingAxes(stages: readonly Leaf[]): Axis[][] {
  const cells = new Map<number, number>();
  const products = new Set<number>();
  const found = [...stages].reverse().map((stage) => {
    const axes = axesOf(stage);
    for (const size of new Set(axes.map((axis) => axis.size))) {
      cells.set(size, (cells.get(size) ?? 0) + cellsOf(buffersOf(stage)));
      if (stage.kind === "product") products.add(size);
    }
    return axes.filter(({ size }) => products.has(size) && (cells.get(size) ?? 0) >= LEAST_CELLS);
  });
  return found.reverse();
}

const cellsOf = (buffers: Iterable<Buffer>): number =>
  [...buffers].reduce((all, { cells }) => all + cells, 0);

interface Found {
  readonly before: readonly Leaf[];
  readonly loop: Repeat;
  readonly end: number;
}

function loopFrom(
  stages: readonly Leaf[],
  { start, axes }: { start: number; axes: readonly Axis[] },
  slicing: Slicing,
): Found | undefined {
  const first = stages[start] as Leaf;
  for (const axis of axes) {
    if (!isSliced({ stage: first, axis }, buffersOf(first))) continue;
    const loop = new Loop({ stage: first, axis });
    const before: Leaf[] = [];
    let end = start + 1;
    for (; end < stages.length; end++) {
      const stage = stages[end] as Leaf;
      const isConnected = accessesOf(stage).some(({ buffer }) => loop.written.has(buffer));
      const member = isConnected ? loop.memberOf(stage) : undefined;
      if (member !== undefined) loop.join(member);
      else if (isConnected) break;
      else before.push(stage);
    }
    const made = loopOf(loop.members, { stages, slicing });
    if (made !== undefined) return { before, loop: made, end };
  }
  return undefined;
}

/** A loop that grows. */
class Loop {
  readonly members: Member[] = [];
  readonly written = new Set<Buffer>();
  readonly #size: number;
  readonly #touching = new Map<Buffer, Set<Member>>();

  constructor(first: Member) {
    this.#size = first.axis.size;
    this.join(first);
  }

  join(member: Member): void {
    this.members.push(member);
    for (const { access } of member.stage.stores) this.written.add(access.buffer);
    for (const { buffer } of accessesOf(member.stage))
      this.#touching.set(buffer, (this.#touching.get(buffer) ?? new Set()).add(member));
  }

  /** One more stage as a member, if it treats the same slices one by one. */
  memberOf(stage: Leaf): Member | undefined {
    const own = buffersOf(stage);
    const users = [...own].flatMap((buffer) => [...(this.#touching.get(buffer) ?? [])]);
    if (!users.every((member) => isSliced(member, own))) return undefined;
    const all = { has: (buffer: Buffer): boolean => own.has(buffer) || this.written.has(buffer) };
    return axesOf(stage)
      .filter((axis) => axis.size === this.#size)
      .map((axis) => ({ stage, axis }))
      .find((member) => isSliced(member, all));
  }
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

/** What a stage writes. */
export const buffersOf = (stage: Leaf): Set<Buffer> =>
  new Set(stage.stores.map(({ access }) => access.buffer));

/** Does a member touch, of what is written, only the slice at its own place? */
export function isSliced({ stage, axis }: Member, written: { has(buffer: Buffer): boolean }): boolean {
  return accessesOf(stage).every((access) => !written.has(access.buffer) || staysInside(access, axis));
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
  const written = [...new Set(members.flatMap(({ stage }) => [...buffersOf(stage)]))];
  const isProduct = ({ stage }: Member): boolean => stage.kind === "product";
  if (cellsOf(written) < LEAST_CELLS || !members.some(isProduct)) return undefined;
  const inside = new Set(members.map(({ stage }) => stage));
  const outside = new Set(
    stages.flatMap((stage) => (inside.has(stage) ? [] : accessesOf(stage).map(({ buffer }) => buffer))),
  );
  const own = written.filter((buffer) => !outside.has(buffer) && !slicing.isShared(buffer));
  if (cellsOf(own) < LEAST_CELLS) return undefined;
  const size = (members[0] as Member).axis.size;
  const axis = slicing.makeAxis(size);
  const slices = new Map(
    own.map((buffer) => [buffer, slicing.makeBuffer(buffer, buffer.cells / size)] as const),
  );
  return { kind: "repeat", axis, stages: members.map((member) => bodyOf(member, axis, slices)) };
}

/** The stage for one slice. */
export function bodyOf({ stage, axis }: Member, loop: Axis, slices: ReadonlyMap<Buffer, Buffer>): Leaf {
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
