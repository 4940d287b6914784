/**
 * Sums over rows of outer products, with lanes along cells: what a matrix product is whose depth are the rows.
 *
 *   into[m, lane] += Σ_rows Σ_k a[m, k, row] · b[lane, k, row]
 *
 * Some vectors of b's cells are turned at a time, so that a row's cells lie side by side, and every a of a row meets them in all lanes.
 * Every cell adds the rows in order, k innermost, whatever the block and the height of the tile.
 */

import { accessesOf } from "../lower/accesses.ts";
import { type Axis, pointsOf, type Sum } from "../lower/loops.ts";
import type { Frame } from "./emit.ts";
import { blockHeight } from "./packing.ts";
import { Pointers, type Shifts } from "./pointers.ts";
import { blocks } from "./sum.ts";
import type { OuterSum } from "./sum-places.ts";
import type { Variable } from "./target.ts";

/** So many terms of a row are written side by side. */
const MOST_TERMS = 4;

interface Kernel<V, I> extends OuterSum {
  readonly sum: Sum;
  readonly frame: Frame<V, I>;
  readonly pointers: Pointers<V, I>;
  /** Bytes of one number, and of a row's turned vectors for one k. */
  readonly bytes: number;
  readonly strip: number;
  /** Where the turned vectors are. */
  readonly turned: I;
}

/** Cells along the lanes: the first, how many, in so many vectors. */
interface Strip {
  readonly base: Shifts;
  readonly cells: number;
  readonly vectors: number;
}

/** Writes a sum over rows of outer products. */
export function emitOuterSum<V, I>(sum: Sum, form: OuterSum, frame: Frame<V, I>): void {
  const { target, layout, base, sums } = frame;
  const { bytes } = layout;
  const pointers = new Pointers(target, layout, { base, ...(sums === undefined ? {} : { sums }) });
  pointers.prepare(accessesOf(sum));
  const turned = target.plus(base, target.int(layout.turned));
  const kernel = { ...form, sum, frame, pointers, bytes, strip: form.vectors * target.width * bytes, turned };
  const { lanes, vectors } = form;
  const step = vectors * target.width;
  const whole = lanes.size - (lanes.size % step);
  const rest = lanes.size - whole;
  pointers.over(form.outer, () => {
    pointers.along(lanes, { step, to: whole }, () =>
      emitStrip(kernel, { base: new Map(), cells: step, vectors }),
    );
    const last = { base: new Map([[lanes, whole]]), cells: rest, vectors: Math.ceil(rest / target.width) };
    if (rest > 0) emitStrip(kernel, last);
  });
}

function emitStrip<V, I>(kernel: Kernel<V, I>, strip: Strip): void {
  const { pointers, inner, m, frame } = kernel;
  const { blocking } = frame.target;
  turn(kernel, strip);
  const rows = Math.floor(blocking.sums / strip.vectors);
  const step = blockHeight(m?.size ?? 1, { rows, leastRows: Math.min(rows, 4) });
  pointers.over(inner, () => blocks(pointers, { axis: m, step }, (down) => emitBlock(kernel, strip, down)));
}

/** Stores b's cells in the order of lanes: for each row and k, the strip's vectors. */
function turn<V, I>(kernel: Kernel<V, I>, { base, cells, vectors }: Strip): void {
  const { pointers, frame, sum, lanes, b, bytes, strip, turned } = kernel;
  const { target, laneBytes } = frame;
  const { width } = target;
  const rowBytes = strip * pointsOf(sum.k);
  const start = target.counter(turned);
  pointers.over(sum.k, () => {
    const row = target.counter(start.get());
    pointers.lanes(laneBytes, { vectors: [1], vectorBytes: width * bytes }, () => {
      const to = row.get();
      for (let vector = 0; vector < vectors; vector++) {
        const loaded = Array.from({ length: width }, (_, lane) => {
          const cell = vector * width + lane;
          if (cell >= cells) return target.lanes.constant(0);
          const { at, offset } = pointers.address(b, new Map([[lanes, (base.get(lanes) ?? 0) + cell]]));
          return target.load(at, offset);
        });
        target
          .transpose(loaded)
          .forEach((value, lane) => target.store(to, lane * rowBytes + vector * width * bytes, value));
      }
      row.set(target.plus(to, target.int(width * rowBytes)));
    });
    start.set(target.plus(start.get(), target.int(strip)));
  });
}

/** One register block: loads the sums, adds all rows, stores the cells that count. */
function emitBlock<V, I>(kernel: Kernel<V, I>, strip: Strip, down: readonly Shifts[]): void {
  const { pointers, frame, sum, lanes, bytes, turned } = kernel;
  const { target, laneBytes } = frame;
  const { width } = target;
  const vectors = Array.from({ length: strip.vectors }, (_, vector) => vector * width);
  const places = down.flatMap((shifts) =>
    vectors.map((first) => {
      const own = new Map([...shifts, [lanes, (strip.base.get(lanes) ?? 0) + first]] as const);
      const place = pointers.address(sum.into, own);
      return { ...place, count: Math.min(width, strip.cells - first) };
    }),
  );
  const sums = places.map(({ at, offset }) =>
    target.variable(target.spread(at, offset, { space: "tile", stride: bytes, lanes: width })),
  );
  const row = target.counter(turned);
  pointers.lanes(laneBytes, { vectors: [1], vectorBytes: bytes }, () =>
    addRow(kernel, { sums, down, vectors, row }),
  );
  places.forEach(({ at, offset, count }, index) =>
    target.scatter(at, (sums[index] as Variable<V>).get(), { offset, stride: bytes, lanes: count }),
  );
}

/** Adds a row's terms: few side by side, more in a loop. */
function addRow<V, I>(
  kernel: Kernel<V, I>,
  block: {
    sums: readonly Variable<V>[];
    down: readonly Shifts[];
    vectors: readonly number[];
    row: Variable<I>;
  },
): void {
  const { pointers, frame, sum, a, bytes, strip } = kernel;
  const { sums, down, vectors, row } = block;
  const { target } = frame;
  const term = (from: I, offset: number, at: Shifts): void => {
    const right = vectors.map((first) => target.load(from, offset + first * bytes));
    down.forEach((shifts, index) => {
      const place = pointers.address(a, new Map([...shifts, ...at]));
      const left = target.splat(place.at, place.offset, "tile");
      right.forEach((b, vector) => {
        const variable = sums[index * vectors.length + vector] as Variable<V>;
        variable.set(target.lanes.fma(left, b, variable.get()));
      });
    });
  };
  const terms = pointsOf(sum.k);
  if (terms <= MOST_TERMS) {
    const from = row.get();
    pointsAlong(sum.k).forEach((at, index) => term(from, index * strip, at));
    return row.set(target.plus(from, target.int(terms * strip)));
  }
  pointers.over(sum.k, () => {
    term(row.get(), 0, new Map());
    row.set(target.plus(row.get(), target.int(strip)));
  });
}

/** All points of axes, the last fastest. */
function pointsAlong(axes: readonly Axis[]): Shifts[] {
  return axes.reduce<Shifts[]>(
    (points, axis) =>
      points.flatMap((point) =>
        Array.from({ length: axis.size }, (_, index) => new Map([...point, [axis, index]])),
      ),
    [new Map()],
  );
}
