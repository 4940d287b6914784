/**
 * Merges loops: two axes that every index steps through as one become one axis.
 *
 * In: a stage. Out: an equal stage with as few loops as its indices allow, so that kernels see one long axis where they
 * can (a batch of seeds, a flattened image).
 */

import { accessesOf, rootsOf, strideOf } from "./accesses.ts";
import { expressionsOf, Interner } from "./intern.ts";
import type { Access, Axis, Expr, Index, Leaf, Store } from "./loops.ts";

/** Ordered nests keep their order: only neighbours are merged. The stage with its loops merged where possible; the new axes are made by `makeAxis`. */
export function withMergedAxes(stage: Leaf, makeAxis: (size: number) => Axis): Leaf {
  let merged = stage;
  for (let pair = mergeable(merged); pair !== undefined; pair = mergeable(merged)) {
    merged = replaced(merged, { ...pair, joint: makeAxis(pair.outer.size * pair.inner.size) });
  }
  return merged;
}

interface Pair {
  readonly outer: Axis;
  readonly inner: Axis;
}

/** The lists of axes whose members may be merged with each other. */
function loopsOf(stage: Leaf): (readonly Axis[])[] {
  if (stage.kind === "product" || stage.kind === "sum") return [stage.batch, stage.m, stage.n, stage.k];
  return stage.kind === "nest" ? [stage.axes, stage.reduce?.axes ?? []] : [];
}

function mergeable(stage: Leaf): Pair | undefined {
  const accesses = accessesOf(stage);
  const named = new Set(
    expressionsOf(rootsOf(stage)).flatMap((expr) => (expr.op === "axis" ? [expr.axis] : [])),
  );
  for (const axes of loopsOf(stage)) {
    const free = axes.filter((axis) => !named.has(axis));
    for (const outer of free) {
      const inner = free.find(
        (axis) =>
          axis !== outer &&
          accesses.every((access) => strideOf(access, outer) === strideOf(access, axis) * axis.size),
      );
      if (inner !== undefined) return { outer, inner };
    }
  }
  return undefined;
}

interface Merge extends Pair {
  readonly joint: Axis;
}

function replaced(stage: Leaf, merge: Merge): Leaf {
  return mappedLeaf(stage, {
    axes: (list) =>
      list.flatMap((axis) => (axis === merge.outer ? [merge.joint] : axis === merge.inner ? [] : [axis])),
    access: ({ buffer, index }) => ({ buffer, index: replacedIndex(index, merge) }),
  });
}

/** Other axes and accesses for a stage's own. */
interface Mapping {
  readonly axes: (axes: readonly Axis[]) => readonly Axis[];
  readonly access: (access: Access) => Access;
}

/** The stage with other axes and accesses. */
export function mappedLeaf(stage: Leaf, { axes, access }: Mapping): Leaf {
  const expr = replacer(access);
  const stores = stage.stores.map(
    (store): Store => ({ access: access(store.access), value: expr(store.value) }),
  );
  if (stage.kind === "straight") return stage;
  if (stage.kind === "sum") {
    const { b } = stage;
    const lists = { batch: axes(stage.batch), m: axes(stage.m), n: axes(stage.n), k: axes(stage.k) };
    const operands = { a: access(stage.a), ...(b === undefined ? {} : { b: access(b) }) };
    return { ...stage, ...lists, ...operands, into: access(stage.into) };
  }
  if (stage.kind === "product") {
    return {
      ...stage,
      batch: axes(stage.batch),
      m: axes(stage.m),
      n: axes(stage.n),
      k: axes(stage.k),
      a: access(stage.a),
      b: access(stage.b),
      stores,
    };
  }
  const reduce = stage.reduce && {
    axes: axes(stage.reduce.axes),
    folds: stage.reduce.folds.map(({ op, term }) => ({ op, term: expr(term) })),
  };
  return { ...stage, axes: axes(stage.axes), ...(reduce === undefined ? {} : { reduce }), stores };
}

function replacedIndex(index: Index, { outer, inner, joint }: Merge): Index {
  const terms = index.terms.flatMap(({ axis, stride }) =>
    axis === outer ? [] : [{ axis: axis === inner ? joint : axis, stride }],
  );
  const sorted = terms.sort((x, y) => x.axis.id - y.axis.id);
  if (index.indirect === undefined) return { offset: index.offset, terms: sorted };
  return {
    offset: index.offset,
    terms: sorted,
    indirect: index.indirect.map((entry) => ({
      ...entry,
      index: replacedIndex(entry.index, { outer, inner, joint }),
    })),
  };
}

/** Rebuilds expressions with other accesses, sharing kept. */
function replacer(access: (access: Access) => Access): (expr: Expr) => Expr {
  const interner = new Interner();
  const memo = new Map<Expr, Expr>();
  const visit = (expr: Expr): Expr => {
    const known = memo.get(expr);
    if (known !== undefined) return known;
    const made = expr.op === "load" ? interner.load(access(expr.access)) : interner.copy(expr, visit);
    memo.set(expr, made);
    return made;
  };
  return visit;
}
