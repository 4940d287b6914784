/**
 * Sums over rows: adds a tile's rows to running sums that outlive the tile, a block of cells at a time.
 *
 *   into[m, n] += Σ_lanes Σ_k a[m, k, lane] · b[n, k, lane]
 *
 * A block of running sums stays in registers while lanes and k run. Every lane of a sum's vector adds its rows in order, k
 * innermost, whatever the block and the height of the tile.
 */

import { accessesOf } from "../lower/accesses.ts";
import { type Access, type Axis, longestOf, type Sum } from "../lower/loops.ts";
import type { Frame } from "./emit.ts";
import { Pointers, type Shifts } from "./pointers.ts";
import type { Variable } from "./target.ts";

/** Running sums in registers: enough to hide the latency of multiply-adds, with room for operands in any order of loads. */
const BLOCK_SUMS = 8;
/** Cells of a block along m where b has axes of its own. */
const BLOCK_ROWS = 4;

interface Kernel<V, I> {
  readonly sum: Sum;
  readonly frame: Frame<V, I>;
  readonly pointers: Pointers<V, I>;
}

/** One axis in blocks: how far each block stands from where the loops are. */
type Positions = readonly Shifts[];

/** Writes a sum over rows. */
export function emitSum<V, I>(sum: Sum, frame: Frame<V, I>): void {
  const { target, layout, base, sums } = frame;
  const pointers = new Pointers(target, layout, { base, ...(sums === undefined ? {} : { sums }) });
  pointers.prepare(accessesOf(sum));
  const [m, n] = [longestOf(sum.m), longestOf(sum.n)];
  const others = [...sum.batch, ...sum.m, ...sum.n].filter((axis) => axis !== m && axis !== n);
  const rows = n === undefined ? BLOCK_SUMS : BLOCK_ROWS;
  const columns = Math.max(1, Math.floor(BLOCK_SUMS / Math.min(rows, m?.size ?? 1)));
  const kernel = { sum, frame, pointers };
  pointers.over(others, () =>
    blocks(pointers, { axis: m, step: rows }, (down) =>
      blocks(pointers, { axis: n, step: columns }, (along) => emitBlock(kernel, down, along)),
    ),
  );
}

/** Runs whole blocks of an axis in a loop, then the rest. */
export function blocks<V, I>(
  pointers: Pointers<V, I>,
  { axis, step }: { axis: Axis | undefined; step: number },
  body: (positions: Positions) => void,
): void {
  if (axis === undefined) return body([new Map()]);
  const positions = (from: number, count: number): Positions =>
    Array.from({ length: count }, (_, index) => new Map([[axis, from + index]]));
  const whole = axis.size - (axis.size % step);
  pointers.along(axis, { step, to: whole }, () => body(positions(0, step)));
  if (whole < axis.size) body(positions(whole, axis.size - whole));
}

function emitBlock<V, I>(kernel: Kernel<V, I>, down: Positions, along: Positions): void {
  const { sum, frame, pointers } = kernel;
  const { target, layout } = frame;
  const cells = down.flatMap((row) => along.map((column) => new Map([...row, ...column])));
  const places = cells.map((shifts) => pointers.address(sum.into, shifts));
  const sums = places.map(({ at, offset }) => target.variable(target.load(at, offset)));
  const vectorBytes = target.width * layout.bytes;
  pointers.lanes(frame.laneBytes, { vectors: [1], vectorBytes }, () =>
    pointers.over(sum.k, () => addTerms(kernel, sums, { down, along })),
  );
  places.forEach(({ at, offset }, index) => target.store(at, offset, (sums[index] as Variable<V>).get()));
}

/** Adds one vector's terms for one k. */
function addTerms<V, I>(
  { sum, frame, pointers }: Kernel<V, I>,
  sums: readonly Variable<V>[],
  { down, along }: { down: Positions; along: Positions },
): void {
  const { target } = frame;
  const loaded = (access: Access, positions: Positions): V[] =>
    positions.map((shifts) => {
      const { at, offset } = pointers.address(access, shifts);
      return target.load(at, offset);
    });
  const left = loaded(sum.a, down);
  const right = sum.b === undefined ? undefined : loaded(sum.b, along);
  left.forEach((a, row) => {
    along.forEach((_, column) => {
      const variable = sums[row * along.length + column] as Variable<V>;
      const before = variable.get();
      variable.set(
        right === undefined ? target.lanes.add(before, a) : target.lanes.fma(a, right[column] as V, before),
      );
    });
  });
}
