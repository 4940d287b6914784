/**
 * Addresses of accesses inside loops, by strength reduction: one pointer per distinct set of strides.
 *
 * Accesses that move alike share a pointer and differ by a constant offset. A loop advances the pointers that
 * depend on its axis; unrolled points (`shifts`) become constant offsets.
 */

import { strideOf, withTables } from "../lower/accesses.ts";
import type { Access, Axis, Buffer } from "../lower/loops.ts";
import type { Layout } from "./layout.ts";
import type { SumPlace } from "./sum-places.ts";
import type { Target } from "./target.ts";

/** Unrolled positions along axes, added to where the loops stand. */
export type Shifts = ReadonlyMap<Axis, number>;

/** An address: integer plus constant bytes. */
export interface Address<I> {
  readonly at: I;
  readonly offset: number;
}

interface Pointer<I> {
  readonly tile: boolean;
  /** Bytes per cell. */
  readonly unit: number;
  readonly origin: number;
  readonly sample: Access;
  current: I;
}

/** Pointers of one stage. */
export class Pointers<V, I> {
  readonly #target: Target<V, I>;
  readonly #layout: Layout;
  readonly #pointers = new Map<string, Pointer<I>>();
  readonly #keys = new Map<Access, string>();
  readonly #axes: Map<Axis, I>;
  readonly #steps: ReadonlyMap<Axis, I>;
  readonly #extra: ReadonlyMap<Access, number>;
  readonly #base: I;
  readonly #sums: I | undefined;
  readonly #places: ReadonlyMap<Buffer, I>;

  /**
   * `base`: the thread's scratch. `sums`: its running sums. `places`: buffers that lie elsewhere. `steps`: where the loops around the
   * stage stand. `extra`: accesses of bound cells with an address of their own.
   */
  constructor(
    target: Target<V, I>,
    layout: Layout,
    place: {
      base: I;
      sums?: I;
      places?: ReadonlyMap<Buffer, I>;
      steps?: ReadonlyMap<Axis, I>;
      extra?: ReadonlyMap<Access, number>;
    },
  ) {
    this.#steps = place.steps ?? new Map();
    this.#axes = new Map(this.#steps);
    this.#target = target;
    this.#layout = layout;
    this.#extra = place.extra ?? new Map();
    this.#base = place.base;
    this.#sums = place.sums;
    this.#places = place.places ?? new Map();
  }

  /** Prepares pointers for the accesses of a stage; call before any loop. */
  prepare(accesses: readonly Access[]): void {
    const classes = new Map<string, Access[]>();
    for (const access of accesses.flatMap(withTables)) {
      const key = this.#keyOf(access);
      classes.set(key, [...(classes.get(key) ?? []), access]);
    }
    for (const [key, members] of classes) this.#pointers.set(key, this.#pointerOf(members));
  }

  /** Where the access is now. */
  address(access: Access, shifts: Shifts, laneOffset = 0): Address<I> {
    const pointer = this.#pointers.get(this.#keyOf(access)) as Pointer<I>;
    let offset = this.#start(access) - pointer.origin + (pointer.tile ? laneOffset : 0);
    for (const [axis, shift] of shifts) offset += strideOf(access, axis) * pointer.unit * shift;
    let at = pointer.current;
    for (const { table, index, stride } of access.index.indirect ?? []) {
      const entry = this.address({ buffer: table, index }, shifts);
      at = this.#target.plus(
        at,
        this.#target.times(this.#target.loadInt(entry.at, entry.offset), stride * pointer.unit),
      );
    }
    return { at, offset };
  }

  /** The position along an axis. */
  position(axis: Axis, shifts: Shifts): I {
    const shift = this.#target.int(shifts.get(axis) ?? 0);
    const at = this.#axes.get(axis);
    return at === undefined ? shift : this.#target.plus(at, shift);
  }

  /** Loops over an axis from 0 in steps; `to` excludes what does not fill a step. */
  along(axis: Axis, { step, to }: { step: number; to: number }, body: () => void): void {
    const moving = [...this.#pointers.values()].filter((pointer) => strideOf(pointer.sample, axis) !== 0);
    const from = this.#target.int(0);
    const steps = moving.map((pointer) => strideOf(pointer.sample, axis) * pointer.unit * step);
    if (to < 2 * step) {
      if (to >= step) body();
      return;
    }
    this.#advancing(moving, steps, (advance) => {
      this.#target.loop({ from, to: this.#target.int(to), step }, (i) => {
        this.#axes.set(axis, i);
        advance(body);
        this.#axes.delete(axis);
      });
    });
  }

  /** Loops over all points of axes, outermost first. */
  over(axes: readonly Axis[], body: () => void): void {
    const [first, ...rest] = axes;
    if (first === undefined) body();
    else this.along(first, { step: 1, to: first.size }, () => this.over(rest, body));
  }

  /** Loops over a tile's lanes, so many vectors at a time, then what is left by fewer; `vectors` ends with 1. */
  lanes(
    laneBytes: I,
    { vectors, vectorBytes }: { vectors: readonly number[]; vectorBytes: number },
    body: (count: number) => void,
  ): void {
    const moving = [...this.#pointers.values()].filter((pointer) => pointer.tile);
    const target = this.#target;
    const counters = moving.map((pointer) => target.counter(pointer.current));
    const saved = moving.map((pointer) => pointer.current);
    const run = (count: number, from: I): I =>
      target.loop({ from, to: laneBytes, step: count * vectorBytes }, () => {
        moving.forEach((pointer, index) => {
          pointer.current = (counters[index] as { get(): I }).get();
        });
        body(count);
        moving.forEach((pointer, index) =>
          counters[index]?.set(target.plus(pointer.current, target.int(count * vectorBytes))),
        );
      });
    vectors.reduce((from, count) => run(count, from), target.int(0));
    moving.forEach((pointer, index) => {
      pointer.current = saved[index] as I;
    });
  }

  #advancing(
    moving: readonly Pointer<I>[],
    steps: readonly number[],
    run: (advance: (body: () => void) => void) => void,
  ): void {
    const target = this.#target;
    const saved = moving.map((pointer) => pointer.current);
    const counters = moving.map((pointer) => target.counter(pointer.current));
    run((body) => {
      moving.forEach((pointer, index) => {
        pointer.current = (counters[index] as { get(): I }).get();
      });
      body();
      moving.forEach((pointer, index) =>
        counters[index]?.set(target.plus(pointer.current, target.int(steps[index] as number))),
      );
    });
    moving.forEach((pointer, index) => {
      pointer.current = saved[index] as I;
    });
  }

  #pointerOf(members: readonly Access[]): Pointer<I> {
    const sample = members[0] as Access;
    const { space } = sample.buffer;
    const origin = Math.min(...members.map((access) => this.#start(access)));
    const start = this.#target.int(origin);
    const elsewhere = this.#places.get(sample.buffer);
    const base = elsewhere ?? (space === "tile" ? this.#base : space === "sum" ? this.#sums : undefined);
    const target = this.#target;
    let current = base === undefined ? start : target.plus(base, start);
    for (const [axis, i] of this.#steps) {
      const stride = strideOf(sample, axis) * this.#unitOf(sample);
      if (stride !== 0) current = target.plus(current, target.times(i, stride));
      // Backwards, the part that varies may be negative: only the sum is a legal address.
      if (stride < 0) current = target.counter(current).get();
    }
    return { tile: space === "tile", unit: this.#unitOf(sample), origin, sample, current };
  }

  /** Bytes from one cell to the next: a line of the tile, a sum's numbers, a number. */
  #unitOf({ buffer }: Access): number {
    const { bytes, tileRows, sums } = this.#layout;
    if (buffer.space === "sum") return (sums.of.get(buffer) as SumPlace).lanes * bytes;
    return buffer.space === "tile" ? tileRows * bytes : bytes;
  }

  /** Bytes from the scratch (tile), the sums (sum) or from address 0 (bound) to the access's cell at the start of all loops. */
  #start(access: Access): number {
    const { bytes, placement, plain, sums } = this.#layout;
    const { buffer, index } = access;
    if (this.#places.has(buffer)) return index.offset * this.#unitOf(access);
    if (buffer.space === "tile")
      return ((placement.get(buffer) as number) + index.offset) * this.#unitOf(access);
    if (buffer.space === "sum")
      return (sums.of.get(buffer) as SumPlace).start * bytes + index.offset * this.#unitOf(access);
    const address = this.#extra.get(access) ?? plain.get(access.buffer) ?? 0;
    return address + index.offset * bytes;
  }

  /** Accesses through tables get a pointer of their own: only their sum is a legal address. */
  #keyOf(access: Access): string {
    let key = this.#keys.get(access);
    if (key === undefined) {
      const terms = access.index.terms
        .map(({ axis, stride }) => `${axis.id}:${stride}`)
        .sort()
        .join();
      const own =
        access.index.indirect === undefined
          ? ""
          : `!${access.buffer.id}+${access.index.offset}${access.index.indirect.map(({ table, stride }) => `${table.id}*${stride}`).join()}`;
      const place = this.#places.has(access.buffer) ? access.buffer.id : "";
      key = `${access.buffer.space}${place}|${terms}${own}`;
      this.#keys.set(access, key);
    }
    return key;
  }
}
