/**
 * Where a kernel keeps things: bound cells first, then whatever the printer adds, then one scratch area per thread.
 *
 * In: a lowered program and the bytes of a float. Out: byte addresses of bound buffers and of products' packed
 * weights, and the tile height. Bound addresses are absolute; tile addresses count from the thread's scratch.
 */

import { accessesOf } from "../lower/accesses.ts";
import { type Buffer, type Leaf, type Lowered, leavesOf, type Product, pointsOf } from "../lower/loops.ts";
import { type BlockRows, type Packing, packedOrder, packingOf } from "./packing.ts";
import { type SumPlaces, sumPlaces } from "./sum-places.ts";

/** The first bytes of memory stay empty: address 0 catches nothing by accident. */
const RESERVED = 64;
/** Scratch of a thread should stay in the first-level cache, at least in half of a common second-level one. */
const FIRST_LEVEL = 32 * 1024;
const SECOND_LEVEL = 384 * 1024;
const MOST_ROWS = 64;
/** Weights of more bytes come from memory for every tile: the higher it is, the less often. */
export const FAR_BYTES: number = 8 * 2 ** 20;
/** What such a product multiplies them by should stay in the second-level cache. */
const FAR_OPERAND = 512 * 1024;
/** Cells of fewer rows than this share a line. */
const LINE_BYTES = 64;
const LEAST_VECTORS = 2;

/** Addresses, in bytes. */
export interface Layout {
  readonly bytes: 4 | 8;
  /** Lanes of a tile: the stride between cells. */
  readonly tileRows: number;
  readonly placement: ReadonlyMap<Buffer, number>;
  /** Byte addresses of bound buffers that are read cell by cell. */
  readonly plain: ReadonlyMap<Buffer, number>;
  /** Byte addresses of products' weights. */
  readonly packed: ReadonlyMap<Product, { readonly address: number; readonly packing: Packing }>;
  /** First byte after all of these. */
  readonly end: number;
  readonly sums: SumPlaces;
  /** Bytes of a thread's scratch: tile buffers, then the operand that a sum over rows keeps in the order of its lanes. */
  readonly scratchBytes: number;
  readonly turned: number;
}

/** For whom memory is laid out. */
export interface LayoutShape {
  /** Lanes of a vector. */
  readonly width: number;
  /** No call has more rows. */
  readonly mostRows: number;
  /** Lanes of a tile; default: by the caches. */
  readonly tileRows?: number;
  /** Rows of weights that a product reads side by side. */
  readonly blocking: BlockRows;
  /** The same by product; default: `blocking` for all. */
  readonly panelRows?: (product: Product) => number;
  /** Sums over rows may have their lanes along cells: their readers know it. */
  readonly byCells?: boolean;
}

/** The layout for vectors of `width` lanes and calls of at most `mostRows` rows. */
export function layoutOf(lowered: Lowered, shape: LayoutShape): Layout {
  const bytes = lowered.dtype === "f32" ? 4 : 8;
  const plain = new Map<Buffer, number>();
  const packed = new Map<Product, { address: number; packing: Packing }>();
  let end = RESERVED;
  const take = (cells: number): number => {
    const address = end;
    end += Math.ceil((cells * bytes) / 64) * 64;
    return address;
  };
  // Products that read the same weights in the same order share them: a network's layers are run over many times.
  const packs: { readonly buffer: Buffer; readonly order: string; readonly address: number }[] = [];
  const leaves = leavesOf(lowered.stages);
  for (const product of leaves.filter(isPacked)) {
    const rows = shape.panelRows?.(product);
    const packing = packingOf(product, rows === undefined ? shape.blocking : { rows });
    const order = packedOrder(product, packing);
    const known = packs.find((each) => each.buffer === product.a.buffer && each.order === order);
    const address = known?.address ?? take(packing.cells);
    if (order !== undefined && known === undefined) packs.push({ buffer: product.a.buffer, order, address });
    packed.set(product, { address, packing });
  }
  for (const buffer of plainBuffers(leaves)) plain.set(buffer, take(buffer.cells));
  const sums = sumPlaces(lowered, { width: shape.width, byCells: shape.byCells ?? false });
  const tileRows = shape.tileRows ?? tileRowsOf(lowered, shape, sums.length * bytes);
  const turned = Math.ceil((lowered.scratchCells * tileRows * bytes) / 64) * 64;
  return {
    bytes,
    tileRows,
    placement: lowered.placement,
    plain,
    packed,
    end,
    sums,
    turned,
    scratchBytes: Math.ceil((turned + sums.turned * tileRows * bytes) / 64) * 64,
  };
}

/** Every packed operand once, with a product that reads it. */
export function packedOnce({
  packed,
}: Pick<Layout, "packed">): [Product, { address: number; packing: Packing }][] {
  return [...new Map([...packed].map((entry) => [entry[1].address, entry])).values()];
}

/** A product whose weights are bound: they are packed in the order in which it reads them. */
export function isPacked(stage: Leaf): stage is Product {
  return stage.kind === "product" && stage.a.buffer.space === "bound";
}

function plainBuffers(stages: readonly Leaf[]): Set<Buffer> {
  const buffers = new Set<Buffer>();
  for (const stage of stages) {
    for (const access of accessesOf(stage)) {
      if (access.buffer.space === "bound" && !(isPacked(stage) && access === stage.a))
        buffers.add(access.buffer);
    }
  }
  return buffers;
}

/** Are most multiplications those of two tile operands? They read one vector of every line: lines should be short. */
function multipliesTiles(stages: readonly Leaf[]): boolean {
  let [tiles, all] = [0, 0];
  for (const stage of stages) {
    if (stage.kind !== "product") continue;
    const count = pointsOf([...stage.batch, ...stage.m, ...stage.n, ...stage.k]);
    all += count;
    if (!isPacked(stage)) tiles += count;
  }
  return 2 * tiles > all;
}

/** How deep the deepest product is whose weights come from memory for every tile; 0 if there is none. */
export function farDepth(lowered: Lowered): number {
  const bytes = lowered.dtype === "f32" ? 4 : 8;
  const far = leavesOf(lowered.stages)
    .filter(isPacked)
    .filter((product) => packingOf(product, { rows: 1 }).cells * bytes >= FAR_BYTES);
  return Math.max(0, ...far.map(({ k }) => pointsOf(k)));
}

/** As many rows as the cache holds, but no more than there ever are: cells of a few rows lie close together. A loop touches few cells at a time. */
function tileRowsOf(lowered: Lowered, { width, mostRows }: LayoutShape, sumBytes: number): number {
  const bytes = lowered.dtype === "f32" ? 4 : 8;
  const rowBytes = lowered.scratchCells * bytes;
  const least = width * LEAST_VECTORS;
  const depth = farDepth(lowered);
  let rows = MOST_ROWS;
  while (depth > 0 && rows > least && rows * depth * bytes > FAR_OPERAND) rows /= 2;
  const streams = lowered.stages.some(({ kind }) => kind === "repeat");
  // Running sums are loaded and stored once a tile: where they fill a cache, tiles should be high.
  const cache = streams || sumBytes > FIRST_LEVEL / 2 ? SECOND_LEVEL / 2 : FIRST_LEVEL;
  while (depth === 0 && rows > LINE_BYTES / bytes && rows * rowBytes > cache) rows /= 2;
  while (
    depth === 0 &&
    rows > least &&
    (rows * rowBytes > SECOND_LEVEL || multipliesTiles(leavesOf(lowered.stages)))
  )
    rows /= 2;
  while (rows > width && rows / 2 >= mostRows) rows /= 2;
  return rows;
}
