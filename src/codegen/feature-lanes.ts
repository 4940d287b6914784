/**
 * Lanes along an axis of a stage: which one, and how cells become lanes there.
 *
 * In: a stage over tiles of one row, so that a buffer's cells lie side by side. Cells that are neighbours along the axis are loaded and
 * stored as vectors; those that lie apart come one by one, or as vectors along another axis that are turned in registers.
 */

import { accessesOf, dependsOn, strideOf } from "../lower/accesses.ts";
import { expressionsOf } from "../lower/intern.ts";
import type { Access, Axis, Leaf, Nest, Product } from "../lower/loops.ts";
import type { Frame } from "./emit.ts";
import type { Cells } from "./expressions.ts";
import { isPacked } from "./layout.ts";
import { blockedAxis, PACKED_ROW } from "./packing.ts";
import type { Address, Pointers, Shifts } from "./pointers.ts";
import type { Target } from "./target.ts";

/** Does the place along the axis become an index of a table? Lanes hold one such index. */
function isPlaced(stage: Nest | Product, axis: Axis): boolean {
  return accessesOf(stage).some(({ index }) =>
    (index.indirect ?? []).some(({ table, index: inner }) =>
      dependsOn({ buffer: table, index: inner }, axis),
    ),
  );
}

/** Are weights packed for lanes along their rows? */
export function hasLanes(stage: Leaf): boolean {
  if (!isPacked(stage)) return false;
  const axis = blockedAxis(stage);
  return axis === undefined || !isPlaced(stage, axis);
}

/** The axis along which most loads and stores are of neighbours or of one number; undefined where none beats one lane. */
export function laneAxisOf(stage: Nest | Product, axes: readonly Axis[], width: number): Axis | undefined {
  const accesses = accessesOf(stage);
  const time = (axis: Axis): number => {
    const each = accesses.map((access) => movesOf(stage, access, { axis, width }));
    return (Math.ceil(axis.size / width) / axis.size) * each.reduce((sum, cost) => sum + cost, 1);
  };
  let best: Axis | undefined;
  for (const axis of axes) {
    if (axis.size < 2 || isPlaced(stage, axis)) continue;
    if (time(axis) < (best === undefined ? accesses.length + 1 : time(best))) best = axis;
  }
  return best;
}

/** Instructions that move a vector of the access along the axis: one, its part of turning a square, or one for each cell. */
export function movesOf(
  stage: Nest | Product,
  access: Access,
  { axis, width }: { axis: Axis; width: number },
): number {
  if (isSmooth(access, axis)) return 1;
  const along = (stage.kind === "product" ? stage.k : (stage.reduce?.axes ?? [])).at(-1);
  const isStored = stage.stores.some((store) => store.access === access);
  const isLong = along !== undefined && Math.min(along.size, axis.size) >= width;
  return isLong && !isStored && isTurnable(access, axis, along) ? 1 + Math.log2(width) : width;
}

/** Are cells along the axis neighbours, or one? */
const isSmooth = (access: Access, axis: Axis): boolean => Math.abs(strideOf(access, axis) - 0.5) <= 0.5;

/** Operands of tiles whose vectors are turned in registers, and stay there for all columns. */
export function turnedOf(
  { a, b, k }: Product,
  axis: Axis | undefined,
  columns: Axis | undefined,
): readonly Access[] {
  return [a, b].filter(
    (access) =>
      axis !== undefined &&
      access.buffer.space === "tile" &&
      isTurnable(access, axis, k.at(-1)) &&
      (columns === undefined || !dependsOn(access, columns)),
  );
}

/** Loads of a nest's sums that are turned in registers. */
export function turnedLoads({ reduce }: Nest, axis: Axis | undefined): readonly Access[] {
  if (axis === undefined || reduce === undefined) return [];
  return expressionsOf(reduce.folds.map(({ term }) => term)).flatMap((expr) =>
    expr.op === "load" && isTurnable(expr.access, axis, reduce.axes.at(-1)) ? [expr.access] : [],
  );
}

/** What the lanes of a stage are now: the axis they lie along, and how many of them count. */
export class FeatureCells<V, I> implements Cells<V, I> {
  lanes = 1;
  /** Loads that are made already. */
  known: ReadonlyMap<Access, V> = new Map();
  readonly #axis: Axis | undefined;
  readonly #target: Target<V, I>;
  readonly #bytes: number;

  constructor({ target, layout }: Frame<V, I>, axis: Axis | undefined) {
    this.#target = target;
    this.#axis = axis;
    this.#bytes = layout.bytes;
  }

  load(access: Access, { at, offset }: Address<I>): V {
    const known = this.known.get(access);
    if (known !== undefined) return known;
    return this.#target.spread(at, offset, {
      space: spaceOf(access),
      stride: this.#stride(access),
      lanes: this.lanes,
    });
  }

  /** Lanes of a whole vector, at as many places along another axis as there are lanes: cells lie side by side along that. */
  turned(access: Access, placeOf: (lane: number) => Address<I>): readonly V[] {
    const { width } = this.#target;
    const rows = Array.from({ length: width }, (_, lane) => {
      const { at, offset } = placeOf(lane);
      return this.#target.spread(at, offset, { space: spaceOf(access), stride: this.#bytes, lanes: width });
    });
    return this.#target.transpose(rows);
  }

  /** A product's operand: one number in every lane may be read by the multiply-add itself. */
  operand(access: Access, place: Address<I>): V {
    const isOne = access.buffer.space === "tile" && this.#stride(access) === 0;
    return isOne ? this.#target.splat(place.at, place.offset, "tile") : this.load(access, place);
  }

  store(access: Access, { at, offset }: Address<I>, value: V): void {
    this.#target.scatter(at, value, { offset, stride: this.#stride(access), lanes: this.lanes });
  }

  places(axis: Axis, scale: number, first: V): V {
    const target = this.#target;
    if (axis !== this.#axis) return first;
    const step = target.integer("mul", [target.laneNumbers(), target.lanes.bits(BigInt(scale))]);
    return target.integer("add", [first, step]);
  }

  #stride(access: Access): number {
    const own = this.#axis === undefined ? 0 : strideOf(access, this.#axis);
    return (strideOf(access, PACKED_ROW) || own) * this.#bytes;
  }
}

const spaceOf = ({ buffer }: Access): "tile" | "bound" => (buffer.space === "bound" ? "bound" : "tile");

/** Do cells lie apart along the lanes, and side by side along the axis? */
const isTurnable = (access: Access, lanes: Axis, along: Axis | undefined): boolean =>
  along !== undefined &&
  access.index.indirect === undefined &&
  !isSmooth(access, lanes) &&
  strideOf(access, along) === 1;

/** What loops with turned loads need. */
export interface Turning<V, I> {
  readonly target: Target<V, I>;
  readonly pointers: Pointers<V, I>;
  readonly cells: FeatureCells<V, I>;
  readonly axis: Axis | undefined;
}

/** Runs `body` at all places of the axes, shifted by what it is given. Along the last of them, loads of whole vectors are turned in registers. */
export function overTurned<V, I>(
  { pointers, cells, axis, target }: Turning<V, I>,
  { axes, turned, shifts }: { axes: readonly Axis[]; turned: readonly Access[]; shifts: Shifts },
  body: (shifts: Shifts) => void,
): void {
  const along = axes.at(-1);
  const step = target.width;
  if (
    axis === undefined ||
    along === undefined ||
    turned.length === 0 ||
    along.size < step ||
    cells.lanes < step
  )
    return pointers.over(axes, () => body(shifts));
  const whole = along.size - (along.size % step);
  const shifted = (place: number): Shifts => new Map([...shifts, [along, place]]);
  pointers.over(axes.slice(0, -1), () => {
    pointers.along(along, { step, to: whole }, () => {
      const columns = turned.map((access) => {
        const placeOf = (lane: number): Shifts =>
          new Map([...shifts, [axis, (shifts.get(axis) ?? 0) + lane]]);
        return [access, cells.turned(access, (lane) => pointers.address(access, placeOf(lane)))] as const;
      });
      for (let place = 0; place < step; place++) {
        cells.known = new Map(columns.map(([access, values]) => [access, values[place] as V]));
        body(shifted(place));
      }
      cells.known = new Map();
    });
    for (let place = whole; place < along.size; place++) body(shifted(place));
  });
}
