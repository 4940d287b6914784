/**
 * Sums join the nest that makes what they add: cells that only sums read are never stored.
 *
 * A maker is a nest without sums, or a product of so few terms that they are written out. If all stages that read it sum over
 * it, and have few results, they become folds of one nest, in which each cell is made once. Sums keep their order.
 */

import type { Cell } from "../ir/types.ts";
import { operandsOf, rootsOf } from "./accesses.ts";
import { ofAxis, substituted } from "./indices.ts";
import { expressionsOf, Interner } from "./intern.ts";
import {
  type Access,
  type Axis,
  type Buffer,
  type Expr,
  type Index,
  type Leaf,
  type Nest,
  type Product,
  pointsOf,
  type Store,
} from "./loops.ts";

/** Running sums that one nest may hold: with what makes a cell, they should stay in 16 registers. */
const MOST_FOLDS = 8;
/** Terms of a product that are written out. */
const MOST_TERMS = 4;

/** The stages with sums merged into makers; what is in `kept` is read elsewhere too. */
export function withMergedFolds(stages: readonly Leaf[], kept: ReadonlySet<Buffer>): Leaf[] {
  const line = new Line(stages);
  for (const stage of stages) join(line, stage, kept);
  return line.stages();
}

/** Stages in order, and which of them read and write a buffer. */
class Line {
  readonly #places = new Map<Leaf, number>();
  readonly #readers = new Map<Buffer, Set<Leaf>>();
  readonly #writers = new Map<Buffer, Set<Leaf>>();

  constructor(stages: readonly Leaf[]) {
    for (const [place, stage] of stages.entries()) this.#put(stage, place);
  }

  stages(): Leaf[] {
    return [...this.#places].sort(([, x], [, y]) => x - y).map(([stage]) => stage);
  }

  place(stage: Leaf): number {
    return this.#places.get(stage) as number;
  }

  readers(buffer: Buffer): ReadonlySet<Leaf> {
    return this.#readers.get(buffer) ?? new Set();
  }

  writers(buffer: Buffer): ReadonlySet<Leaf> {
    return this.#writers.get(buffer) ?? new Set();
  }

  inOrder(stages: Iterable<Leaf>): Leaf[] {
    return [...new Set(stages)].sort((x, y) => this.place(x) - this.place(y));
  }

  /** One stage where the last of several stood. */
  replace(old: readonly Leaf[], whole: Leaf): void {
    const place = Math.max(...old.map((stage) => this.place(stage)));
    for (const stage of old) {
      this.#places.delete(stage);
      for (const { buffer } of readsOf(stage)) this.#readers.get(buffer)?.delete(stage);
      for (const { buffer } of writesOf(stage)) this.#writers.get(buffer)?.delete(stage);
    }
    this.#put(whole, place);
  }

  #put(stage: Leaf, place: number): void {
    this.#places.set(stage, place);
    const note = (map: Map<Buffer, Set<Leaf>>, { buffer }: Access): unknown =>
      map.set(buffer, (map.get(buffer) ?? new Set()).add(stage));
    for (const access of readsOf(stage)) note(this.#readers, access);
    for (const access of writesOf(stage)) note(this.#writers, access);
  }
}

type Fold = NonNullable<Nest["reduce"]>["folds"][number];

/** A stage that makes cells point by point. */
interface Maker {
  readonly stage: Nest | Product;
  readonly axes: readonly Axis[];
  readonly made: ReadonlyMap<Buffer, Store>;
}

/** A stage that sums: its free axes are the maker's (`to`) or unrolled. */
interface Folder {
  readonly stage: Nest | Product;
  readonly to: ReadonlyMap<Axis, Axis>;
  readonly unrolled: readonly Axis[];
}

function join(line: Line, stage: Leaf, kept: ReadonlySet<Buffer>): void {
  const maker = makerOf(stage, line, kept);
  if (maker === undefined) return;
  const users = line.inOrder([...maker.made.keys()].flatMap((buffer) => [...line.readers(buffer)]));
  if (users.length === 0) return;
  const folders = users.flatMap((user) => folderOf(user, maker) ?? []);
  const outer = folders.map((folder) => outerOf(maker, folder));
  const results = folders.reduce(
    (sum, folder) => sum + foldsOf(folder.stage).length * pointsOf(folder.unrolled),
    0,
  );
  const fits = folders.length === users.length && results <= MOST_FOLDS;
  if (!fits || outer.some((axes) => axes.join() !== outer[0]?.join())) return;
  if (canWait(line, [stage, ...users])) line.replace([stage, ...users], merged(maker, folders));
}

function makerOf(stage: Leaf, line: Line, kept: ReadonlySet<Buffer>): Maker | undefined {
  const isPlain = stage.kind === "nest" && stage.reduce === undefined && stage.ordered === undefined;
  const isShort = stage.kind === "product" && pointsOf(stage.k) <= MOST_TERMS;
  if (!isPlain && !isShort) return undefined;
  const made = new Map(stage.stores.map((store) => [store.access.buffer, store]));
  const isShared = (buffer: Buffer): boolean =>
    kept.has(buffer) ||
    line.readers(buffer).has(stage) ||
    [...line.writers(buffer)].some((other) => other !== stage);
  if (made.size < stage.stores.length || [...made.keys()].some(isShared)) return undefined;
  return { stage, axes: freeAxes(stage), made };
}

const freeAxes = (stage: Nest | Product): readonly Axis[] =>
  stage.kind === "nest" ? stage.axes : [...stage.batch, ...stage.m, ...stage.n];

const summedAxes = (stage: Nest | Product): readonly Axis[] =>
  stage.kind === "nest" ? (stage.reduce?.axes ?? []) : stage.k;

/** How a stage sums over what the maker makes; undefined if it does anything else with it. */
function folderOf(stage: Leaf, maker: Maker): Folder | undefined {
  if (stage.kind !== "product" && (stage.kind !== "nest" || stage.ordered !== undefined)) return undefined;
  if (summedAxes(stage).length === 0) return undefined;
  const isMade = ({ buffer }: Access): boolean => maker.made.has(buffer);
  if (loadsOf(stage.stores.map((store) => store.value)).some(isMade)) return undefined;
  const loads = stage.kind === "nest" ? loadsOf(foldsOf(stage).map(({ term }) => term)) : [stage.a, stage.b];
  const maps = loads.filter(isMade).map((load) => matched(maker, load));
  const [to] = maps;
  if (to === undefined || maps.some((map) => map === undefined || !equal(map, to))) return undefined;
  if (summedAxes(stage).some((axis) => axis.size > 1 && !to.has(axis))) return undefined;
  return { stage, to, unrolled: freeAxes(stage).filter((axis) => !to.has(axis)) };
}

/** The reader's axes as the maker's: each load must be the cell that is made at that very point. */
function matched({ axes, made }: Maker, { buffer, index }: Access): Map<Axis, Axis> | undefined {
  const place = (made.get(buffer) as Store).access.index;
  const plain = place.indirect === undefined && index.indirect === undefined;
  if (!plain || place.offset !== index.offset || place.terms.length !== index.terms.length) return undefined;
  const map = new Map<Axis, Axis>();
  for (const { axis, stride } of index.terms) {
    const own = place.terms.find((term) => term.stride === stride && term.axis.size === axis.size);
    if (own !== undefined) map.set(axis, own.axis);
  }
  return new Set(map.values()).size === axes.filter(({ size }) => size > 1).length ? map : undefined;
}

const equal = (a: ReadonlyMap<Axis, Axis>, b: ReadonlyMap<Axis, Axis>): boolean =>
  a.size === b.size && [...a].every(([from, to]) => b.get(from) === to);

/** Ids of the maker's axes that the folder does not sum over. */
function outerOf({ axes }: Maker, { stage, to }: Folder): number[] {
  const summed = new Set(summedAxes(stage).map((axis) => to.get(axis)));
  return axes.filter((axis) => !summed.has(axis)).map(({ id }) => id);
}

function loadsOf(exprs: readonly Expr[]): Access[] {
  return expressionsOf(exprs).flatMap((expr) => (expr.op === "load" ? [expr.access] : []));
}

const read = new WeakMap<Leaf, readonly Access[]>();

function readsOf(stage: Leaf): readonly Access[] {
  const known = read.get(stage) ?? [...operandsOf(stage), ...loadsOf(rootsOf(stage))];
  read.set(stage, known);
  return known;
}

const writesOf = (stage: Leaf): Access[] => [
  ...(stage.kind === "sum" ? [stage.into] : []),
  ...stage.stores.map((store) => store.access),
];

/** Can the maker and its users be done where the last of them stands? Not past a stage that touches what they touch. */
function canWait(line: Line, moved: readonly Leaf[]): boolean {
  const last = line.place(moved.at(-1) as Leaf);
  return moved.every((early, position) => {
    const isPassed = (stage: Leaf): boolean =>
      line.place(stage) > line.place(early) && line.place(stage) <= last;
    const made = writesOf(early).map(({ buffer }) => buffer);
    const used = readsOf(early).map(({ buffer }) => buffer);
    return (
      (position === 0 || !made.some((buffer) => [...line.readers(buffer)].some(isPassed))) &&
      ![...made, ...used].some((buffer) => [...line.writers(buffer)].some(isPassed))
    );
  });
}

/** Every combination of values of the axes, the last fastest. */
function points(axes: readonly Axis[]): Map<Axis, Index>[] {
  return axes.reduce<Map<Axis, Index>[]>(
    (list, axis) =>
      list.flatMap((point) =>
        Array.from({ length: axis.size }, (_, offset) => new Map([...point, [axis, { offset, terms: [] }]])),
      ),
    [new Map<Axis, Index>()],
  );
}

/** The folds of a stage; a product's is its term. */
function foldsOf(stage: Nest | Product): readonly Fold[] {
  if (stage.kind === "nest") return stage.reduce?.folds ?? [];
  return [{ op: "reduceSum", term: productTerm(stage) }];
}

function productTerm({ a, b }: Product): Expr {
  const [left, right] = [a, b].map((access): Expr => ({ op: "load", access })) as [Expr, Expr];
  return { op: "elementwise", name: "mul", cell: "float", args: [left, right] };
}

/** Rewrites expressions: indices over other axes, some loads and accumulators by values. */
interface Rewriting {
  readonly axes: ReadonlyMap<Axis, Index>;
  readonly load?: (access: Access) => Expr | undefined;
  readonly accumulator?: (index: number, cell: Cell) => Expr;
}

function rewriter(interner: Interner, { axes, load, accumulator }: Rewriting): (expr: Expr) => Expr {
  const memo = new Map<Expr, Expr>();
  const visit = (expr: Expr): Expr => {
    const known = memo.get(expr);
    if (known !== undefined) return known;
    const made = rewritten(expr) ?? interner.copy(expr, visit);
    memo.set(expr, made);
    return made;
  };
  const rewritten = (expr: Expr): Expr | undefined => {
    if (expr.op === "load") return load?.(expr.access) ?? interner.load(moved(expr.access, axes));
    if (expr.op === "accumulator") return accumulator?.(expr.index, expr.cell);
    if (expr.op !== "axis") return undefined;
    const { offset, terms } = axes.get(expr.axis) ?? ofAxis(expr.axis);
    const start = expr.offset + expr.scale * offset;
    const [own] = terms;
    return own === undefined ? interner.literal(start, "int") : interner.axis(own.axis, expr.scale, start);
  };
  return visit;
}

function moved({ buffer, index }: Access, axes: ReadonlyMap<Axis, Index>): Access {
  return { buffer, index: substituted(index, axes) };
}

/** One nest that makes each cell and adds it to all sums. */
function merged(maker: Maker, folders: readonly Folder[]): Nest {
  const interner = new Interner();
  const value = makerValues(maker, interner);
  const load = ({ buffer }: Access): Expr | undefined => {
    const store = maker.made.get(buffer);
    return store === undefined ? undefined : value(store.value);
  };
  const folds: Fold[] = [];
  const stores: Store[] = [];
  for (const folder of folders) {
    const shared = [...folder.to].map(([from, to]) => [from, ofAxis(to)] as const);
    for (const point of points(folder.unrolled)) {
      const axes = new Map([...shared, ...point]);
      const first = folds.length;
      const term = rewriter(interner, { axes, load });
      folds.push(...foldsOf(folder.stage).map((fold) => ({ op: fold.op, term: term(fold.term) })));
      const accumulator = (index: number, cell: Cell): Expr => interner.accumulator(first + index, cell);
      const result = rewriter(interner, { axes, accumulator });
      stores.push(
        ...folder.stage.stores.map((store) => ({
          access: moved(store.access, axes),
          value: result(store.value),
        })),
      );
    }
  }
  const outer = new Set(outerOf(maker, folders[0] as Folder));
  return {
    kind: "nest",
    axes: maker.axes.filter(({ id }) => outer.has(id)),
    reduce: { axes: maker.axes.filter(({ id }) => !outer.has(id)), folds },
    stores,
  };
}

/** What the maker stores, as expressions; a short product's sum is written out in order. */
function makerValues({ stage }: Maker, interner: Interner): (expr: Expr) => Expr {
  if (stage.kind === "nest") return rewriter(interner, { axes: new Map() });
  const terms = points(stage.k).map((axes) => rewriter(interner, { axes })(productTerm(stage)));
  const sum = terms.reduce((total, term) => interner.elementwise("add", "float", [total, term]));
  return rewriter(interner, { axes: new Map(), accumulator: () => sum });
}
