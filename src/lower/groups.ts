/**
 * Fusion: tasks that run over the same points become one stage.
 *
 * An elementwise task joins the group that makes one of its operands, if every operand from that group is read at the very
 * point where it is made, and if nothing else it reads waits for the group. So a product's bias, activation
 * and derivative become its epilogue, and chains of elementwise tasks become one nest.
 */

import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Homes } from "./homes.ts";
import { type Axes, indicesKey, inverted, ofAxis, plus, type Split, scaled, substituted } from "./indices.ts";
import type { Axis, Index } from "./loops.ts";
import { countOperations, type Read, readsOf, type Sketch, withAxes } from "./sketch.ts";
import type { Fold, Target, Task } from "./tasks.ts";

/** Operations that one stage's body may hold: compilers dislike more. */
const MOST_OPERATIONS = 192;
/** The same for bodies that run once per row. */
const MOST_SCALARS = 600;

/** One stored result of a group, over the group's axes. */
export interface Member {
  readonly target: Target;
  readonly at: readonly Index[];
  readonly value: Sketch;
}

/** Tasks over the same points: one stage to be. */
export class Group {
  axes: readonly Axis[];
  reduce: readonly Axis[];
  folds: readonly Fold[];
  factors: readonly [Read, Read] | undefined;
  members: Member[];
  readonly ordered: boolean;
  readonly after: Set<Group> = new Set();
  /** How many groups at most wait for each other before this one: less than those that wait for it. */
  level = 0;
  readonly #users: Group[] = [];
  /** Operations at each point. */
  operations: number;

  constructor(task: Task) {
    this.axes = task.axes;
    this.reduce = task.reduce;
    this.folds = task.folds;
    this.factors = task.factors;
    this.members = [{ target: task.target, at: task.at, value: task.value }];
    this.ordered = task.ordered;
    this.operations = countOperations(task.value);
  }

  /** Must be made after another group. */
  follow(other: Group): void {
    if (this.after.has(other)) return;
    this.after.add(other);
    other.#users.push(this);
    const raised: [Group, number][] = [[this, other.level + 1]];
    for (let next = raised.pop(); next !== undefined; next = raised.pop()) {
      const [group, level] = next;
      if (group.level >= level) continue;
      group.level = level;
      for (const user of group.#users) raised.push([user, level + 1]);
    }
  }

  /** What the group reads, its own results among it. */
  reads(): Read[] {
    return readsOf([...this.members.map((member) => member.value), ...this.folds.map((fold) => fold.term)]);
  }

  /** Replaces an axis by two. */
  split({ axis, inner }: Split, axes: Axes): void {
    const [outer, rest] = [axes.make(axis.size / inner), axes.make(inner)];
    const map = new Map([[axis, plus(scaled(ofAxis(outer), inner), ofAxis(rest))]]);
    const widened = (list: readonly Axis[]): Axis[] =>
      list.flatMap((own) => (own === axis ? [outer, rest] : [own]));
    this.axes = widened(this.axes);
    this.reduce = widened(this.reduce);
    this.folds = this.folds.map((fold) => ({ ...fold, term: withAxes(fold.term, map) }));
    this.factors = this.factors && [
      withAxes(this.factors[0], map) as Read,
      withAxes(this.factors[1], map) as Read,
    ];
    this.members = this.members.map((member) => ({
      ...member,
      at: member.at.map((index) => substituted(index, map)),
      value: withAxes(member.value, map),
    }));
  }
}

/** Collects tasks into groups. */
export class Fusion {
  readonly groups: Group[] = [];
  readonly #homes: Homes;
  readonly #axes: Axes;
  readonly #fuse: boolean;
  readonly #byTask = new Map<Task, Group>();
  #lastScalar: Group | undefined;
  /** Groups with a task for the owner. */
  readonly #makers = new Map<Node, Set<Group>>();

  constructor(homes: Homes, axes: Axes, options: { fuse: boolean }) {
    this.#homes = homes;
    this.#axes = axes;
    this.#fuse = options.fuse;
  }

  /** Puts a task (operands' tasks come first) into a group. */
  add(task: Task): void {
    if (this.#byTask.has(task)) return;
    const reads = readsOf([task.value, ...task.folds.map((fold) => fold.term)]);
    const before = this.#waitsFor(task, reads);
    const group = (this.#fuse ? this.#joined(task, reads, before) : undefined) ?? this.#alone(task);
    for (const other of before) if (other !== group) group.follow(other);
    this.#byTask.set(task, group);
    const owner = task.target.owner;
    if (owner !== undefined) this.#makers.set(owner, (this.#makers.get(owner) ?? new Set()).add(group));
  }

  /** All groups whose results make up the node. */
  makersOf(node: Node): Group[] {
    return [
      ...(this.#makers.get(node) ?? []),
      ...this.#homes.partsOf(node).flatMap((part) => this.makersOf(part)),
    ];
  }

  #waitsFor(task: Task, reads: readonly Read[]): Set<Group> {
    const made = reads
      .filter((read) => read.node !== task.target.owner)
      .flatMap((read) => this.makersOf(read.node));
    return new Set([...made, ...task.after.map((other) => this.#groupOf(other))]);
  }

  /** The group of a task; one that comes later in order (zeros under a sum) is added now. */
  #groupOf(task: Task): Group {
    if (!this.#byTask.has(task)) this.add(task);
    return this.#byTask.get(task) as Group;
  }

  #alone(task: Task): Group {
    const group = new Group(task);
    this.groups.push(group);
    if (isScalar(group)) this.#lastScalar = group;
    return group;
  }

  #joined(task: Task, reads: readonly Read[], before: ReadonlySet<Group>): Group | undefined {
    if (task.ordered || task.folds.length > 0) return undefined;
    const operations = countOperations(task.value);
    for (const group of [...[...before].reverse(), ...this.#scalarGroup(task)]) {
      if (group.ordered || group.operations + operations > limitOf(group)) continue;
      if ([...before].some((other) => other !== group && this.#dependsOn(other, group))) continue;
      const map =
        isScalar(task) && isScalar(group) ? new Map<Axis, Index>() : this.#matching(task, reads, group);
      if (map === undefined) continue;
      const value = withAxes(task.value, map);
      const own = readsOf([value]).filter((read) => this.makersOf(read.node).includes(group));
      if (!own.every((read) => isMade(group, read))) continue;
      group.operations += operations;
      group.members.push({ target: task.target, at: task.at.map((index) => substituted(index, map)), value });
      return group;
    }
    return undefined;
  }

  /** Single cells join the last group of single cells even if they read nothing of it: straight code needs no loops. */
  #scalarGroup(task: Task): Group[] {
    return isScalar(task) && this.#lastScalar !== undefined ? [this.#lastScalar] : [];
  }

  /** The task's axes over the group's, such that it reads a member where that is made. */
  #matching(task: Task, reads: readonly Read[], group: Group): Map<Axis, Index> | undefined {
    for (const read of reads) {
      for (;;) {
        const member = group.members.find(({ target }) => target.node === read.node);
        if (member === undefined) break;
        const pairs = read.at.map((from, axis) => ({
          from,
          to: at(member.at, axis),
          size: at(read.node.shape, axis),
        }));
        const solved = inverted(pairs, task.axes);
        if (solved === undefined) break;
        if (!("split" in solved)) return solved;
        group.split(solved.split, this.#axes);
      }
    }
    return undefined;
  }

  /** Looks only at groups of higher levels than the target's, those of the lowest first: they are the nearest to it. */
  #dependsOn(from: Group, target: Group): boolean {
    const seen = new Set<Group>([from]);
    const stack = [from];
    for (let group = stack.pop(); group !== undefined; group = stack.pop()) {
      if (group.after.has(target)) return true;
      const next = [...group.after].filter((other) => other.level > target.level && !seen.has(other));
      for (const other of next.sort((x, y) => y.level - x.level)) {
        seen.add(other);
        stack.push(other);
      }
    }
    return false;
  }
}

/** One point, nothing folded. */
function isScalar({ axes, folds, ordered }: Pick<Task, "axes" | "folds" | "ordered">): boolean {
  return axes.length === 0 && folds.length === 0 && !ordered;
}

const limitOf = (group: Group): number => (isScalar(group) ? MOST_SCALARS : MOST_OPERATIONS);

/** Is the read exactly a member's value at the point where it is made? */
export function isMade(group: Group, read: Read): boolean {
  return group.members.some(
    ({ target, at: place }) => target.node === read.node && indicesKey(place) === indicesKey(read.at),
  );
}

/** Groups in an order where everything read is made before; otherwise in the order they were begun. */
export function scheduled(groups: readonly Group[]): Group[] {
  const done = new Set<Group>();
  const order: Group[] = [];
  const visit = (root: Group): void => {
    const stack = [root];
    for (let group = stack.at(-1); group !== undefined; group = stack.at(-1)) {
      const next = done.has(group) ? undefined : [...group.after].find((other) => !done.has(other));
      if (next !== undefined) stack.push(next);
      else {
        stack.pop();
        if (!done.has(group)) order.push(group);
        done.add(group);
      }
    }
  };
  for (const group of groups) visit(group);
  return order;
}
