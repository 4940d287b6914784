/**
 * Makes the tasks of a program: users before operands, so that every node learns where it is wanted before its
 * loops are made.
 */

import { isReduce } from "../ir/ops.ts";
import { at, range } from "../ir/shape.ts";
import type {
  ConcatNode,
  ContractNode,
  Node,
  PadNode,
  Program,
  ReduceNode,
  ReshapeNode,
  Shape,
} from "../ir/types.ts";
import { contractionKind, labelSizes, summedLabels } from "./contractions.ts";
import { type Homes, partHome, rowMajor } from "./homes.ts";
import { Axes, ofAxis, plus, type Split, scaled, ZERO } from "./indices.ts";
import type { Axis, Index } from "./loops.ts";
import { accumulatedTask, gatherFold, scatterFold } from "./scatters.ts";
import { elementwise, folded, literal, type Read, type Sketch } from "./sketch.ts";
import type { Fold, Home, Target, Task } from "./tasks.ts";
import { Walk } from "./walk.ts";

/** What a task's loops compute, over indices that `loops` hands out. */
export interface Body {
  readonly at: readonly Index[];
  readonly value: Sketch;
  readonly folds?: readonly Fold[];
  readonly factors?: readonly [Read, Read];
}

/** A body over loop sizes: `free` axes are stored over, `summed` ones folded. */
export interface Loops {
  readonly free: readonly number[];
  readonly summed?: readonly number[];
  readonly body: (free: readonly Index[], summed: readonly Index[], walk: Walk) => Body;
}

/** What else a task must know. */
interface TaskOptions {
  readonly ordered?: boolean;
  readonly after?: readonly Task[];
  readonly readsOnly?: boolean;
}

/** Plans one program. */
export class Planner {
  readonly axes: Axes;
  readonly homes: Homes;
  readonly #stored: Set<Node>;
  readonly #tasks: Task[] = [];
  /** Tasks that a placed node's own tasks wait for: the zeros around a pad's operand. */
  readonly #before = new Map<Node, Task[]>();

  constructor(stored: Set<Node>, homes: Homes, axes: Axes = new Axes()) {
    this.#stored = stored;
    this.axes = axes;
    this.homes = homes;
  }

  /** Tasks for all outputs, each stored in its home; `order` has operands before users. */
  plan(program: Program, order: readonly Node[], outputs: readonly Home[]): readonly Task[] {
    program.outputs.forEach(({ value }, index) => this.#put(value, { home: at(outputs, index) }));
    for (const node of [...order].reverse()) if (this.#stored.has(node)) this.#make(node);
    return this.#tasks.reverse();
  }

  /** A task from loops, its axes split as its body's reshapes need. */
  task(target: Target, loops: Loops, options: TaskOptions = {}): Task {
    const summed = loops.summed ?? [];
    const digits = [...loops.free, ...summed].map((size) => [this.axes.make(size)]);
    for (;;) {
      const walk = new Walk({
        isStored: (node) => this.#stored.has(node),
        demand: (node) => this.#stored.add(node),
        boundHome: (node) => this.homes.readOf(node),
        readsOnly: options.readsOnly ?? false,
      });
      const indices = digits.map(mixedRadix);
      const body = loops.body(indices.slice(0, loops.free.length), indices.slice(loops.free.length), walk);
      if (walk.wanted !== undefined) {
        splitDigits(digits, walk.wanted, this.axes);
        continue;
      }
      const after = [
        ...(options.after ?? []),
        ...this.#zerosUnder(target.node),
        ...this.#zerosUnder(target.owner),
      ];
      const task: Task = {
        target,
        axes: digits.slice(0, loops.free.length).flat().filter(isLoop),
        reduce: digits.slice(loops.free.length).flat().filter(isLoop),
        at: body.at,
        value: body.value,
        folds: body.folds ?? [],
        ordered: options.ordered ?? false,
        after,
        ...(body.factors === undefined ? {} : { factors: body.factors }),
      };
      this.#tasks.push(task);
      return task;
    }
  }

  /** The node's cells into a home: in place if its own loops can store there, else by a copy. */
  #put(node: Node, target: Target, after: readonly Task[] = []): void {
    const placed = this.homes.place(node, target.home, target.owner);
    if (placed === undefined)
      this.task(
        target,
        { free: node.shape, body: (at, _, walk) => ({ at, value: walk.cell(node, at) }) },
        { after },
      );
    else {
      this.#stored.add(placed);
      this.#before.set(placed, [...this.#zerosUnder(target.owner), ...after]);
    }
  }

  /** Tasks that fill the memory a node lies in and must be done before its own. */
  #zerosUnder(node: Node | undefined): readonly Task[] {
    return (node === undefined ? undefined : this.#before.get(node)) ?? [];
  }

  #make(node: Node): void {
    if (node.op === "input" || node.level !== "row") return;
    const home = this.homes.of(node);
    const target: Target = { owner: node, home, node };
    if (isReduce(node.op)) this.#reduce(node as ReduceNode, target);
    else if (node.op === "concat") this.#concat(node, home);
    else if (node.op === "pad") this.#pad(node, home);
    else if (node.op === "reshape") this.#reshape(node, home);
    else if (node.op === "contract" && contractionKind(node) !== "outer") this.#contract(node, target);
    else if (node.op === "gather" && node.indices.level === "row") this.task(target, gatherFold(node));
    else if (node.op === "scatterAdd" && node.indices.level === "row") this.task(target, scatterFold(node));
    else if (node.op === "scatterAdd" || node.op === "unwindow") accumulatedTask(this, node, target);
    else
      this.task(target, {
        free: node.shape,
        body: (at, _, walk) => ({ at, value: walk.definition(node, at) }),
      });
  }

  #reduce(node: ReduceNode, target: Target): void {
    const kept = range(node.a.shape.length).filter((axis) => !node.axes.includes(axis));
    const body: Loops["body"] = (free, summed, walk) => {
      const place = (axis: number): Index =>
        at(kept.includes(axis) ? free : summed, (kept.includes(axis) ? kept : node.axes).indexOf(axis));
      const term = walk.cell(node.a, range(node.a.shape.length).map(place));
      return { at: free, value: folded(node.cell), folds: [{ op: node.op, cell: node.cell, term }] };
    };
    this.task(target, { free: node.shape, summed: node.axes.map((axis) => at(node.a.shape, axis)), body });
  }

  #contract(node: ContractNode, target: Target): void {
    const sizes = labelSizes(node);
    const summed = summedLabels(node);
    const isProduct = contractionKind(node) === "product";
    const body: Loops["body"] = (free, inner, walk) => {
      const place = (label: number): Index =>
        free[node.outLabels.indexOf(label)] ?? inner[summed.indexOf(label)] ?? ZERO;
      const [a, b] = [walk.cell(node.a, node.aLabels.map(place)), walk.cell(node.b, node.bLabels.map(place))];
      const result = {
        at: free,
        value: folded("float"),
        folds: [
          { op: "reduceSum" as const, cell: "float" as const, term: elementwise("mul", "float", [a, b]) },
        ],
      };
      return isProduct && a.op === "read" && b.op === "read"
        ? { ...result, factors: [a, b] as const }
        : result;
    };
    const loops = { free: node.shape, summed: summed.map((label) => sizes.get(label) as number), body };
    this.task(target, loops, { readsOnly: isProduct });
  }

  #concat(node: ConcatNode, home: Home): void {
    let start = 0;
    for (const part of node.parts) {
      const starts = node.shape.map((_, axis) => (axis === node.axis ? start : 0));
      this.#put(part, {
        owner: node,
        home: partHome(
          home,
          starts,
          node.shape.map(() => 1),
        ),
      });
      start += at(part.shape, node.axis);
    }
  }

  /** Zeros around a dense operand; under one with gaps, before it. */
  #pad(node: PadNode, home: Home): void {
    const part = partHome(home, node.starts, node.steps);
    if (node.steps.some((step, axis) => step !== 1 && at(node.a.shape, axis) > 1)) {
      return this.#put(node.a, { owner: node, home: part }, [this.fill(node, home)]);
    }
    for (const box of boxesAround(node)) this.fill(node, partHome(home, box.starts, ones(node)), box.shape);
    this.#put(node.a, { owner: node, home: part });
  }

  /** Zeros in all cells of a home of the shape, for the owner. */
  fill(owner: Node, home: Home, shape: Shape = owner.shape): Task {
    return this.task({ owner, home }, { free: shape, body: (at) => ({ at, value: literal(0, owner.cell) }) });
  }

  /** A reshape that no index arithmetic can follow: the operand's cells, in order, in a buffer of its own. */
  #reshape(node: ReshapeNode, home: Home): void {
    this.#put(node.a, { owner: node, home: rowMajor(home.buffer, node.a.shape) });
  }
}

const ones = (node: Node): number[] => node.shape.map(() => 1);

/** Boxes that together cover a pad's zeros, each cell once. */
function boxesAround({ shape, starts, a }: PadNode): { starts: number[]; shape: number[] }[] {
  return shape.flatMap((size, axis) => {
    const [from, to] = [at(starts, axis), at(starts, axis) + at(a.shape, axis)];
    const box = (start: number, length: number): { starts: number[]; shape: number[] } => ({
      starts: shape.map((_, other) => (other < axis ? at(starts, other) : other === axis ? start : 0)),
      shape: shape.map((own, other) => (other < axis ? at(a.shape, other) : other === axis ? length : own)),
    });
    return [box(0, from), box(to, size - to)].filter((own) => own.shape.every((length) => length > 0));
  });
}

const isLoop = (axis: Axis): boolean => axis.size !== 1;

/** The number whose digits are the axes, the first the most significant. */
function mixedRadix(digits: readonly Axis[]): Index {
  return digits.reduce<Index>((sum, axis) => plus(scaled(sum, axis.size), ofAxis(axis)), ZERO);
}

/** Replaces an axis by its outer and inner part. */
export function splitDigits(digits: Axis[][], { axis, inner }: Split, axes: Axes): void {
  for (const list of digits) {
    const position = list.indexOf(axis);
    if (position >= 0) list.splice(position, 1, axes.make(axis.size / inner), axes.make(inner));
  }
}
