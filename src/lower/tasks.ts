/**
 * Tasks: the loops of each stored node, before fusion. Also homes: where each stored node's cells lie.
 *
 * A task makes cells of one node. Parts of a concat, the operand of a pad, and reshaped or transposed outputs are
 * computed right where they belong (`place`), so that no copy is made; a copy task is the fallback.
 */

import type { Cell, Node, ReduceOp } from "../ir/types.ts";
import type { Axis, Buffer, Index } from "./loops.ts";
import type { Read, Sketch } from "./sketch.ts";

/** Where a node's cells lie: offset + Σ coordinate · stride (+ step) in a buffer. */
export interface Home {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly strides: readonly number[];
  /** What the steps of surrounding loops add. */
  readonly step?: Index;
}

/** The node a task works for, and where its results go. */
export interface Target {
  /** Readers of the owner wait for this task; copies to an output have none. */
  readonly owner?: Node;
  readonly home: Home;
  /** Whose cells are stored: `at` are coordinates of its shape. Undefined for copies and fills. */
  readonly node?: Node;
}

/** A reduction to be: its term at every point. */
export interface Fold {
  readonly op: ReduceOp;
  readonly cell: Cell;
  readonly term: Sketch;
}

/** The loops of one stored result. */
export interface Task {
  readonly target: Target;
  readonly axes: readonly Axis[];
  /** Coordinates stored to, one per stride of the home. */
  readonly at: readonly Index[];
  /** What is stored; accumulators are the folds. */
  readonly value: Sketch;
  readonly reduce: readonly Axis[];
  readonly folds: readonly Fold[];
  /** A contraction with register blocks: the fold is factors[0] · factors[1]. */
  readonly factors?: readonly [Read, Read];
  readonly ordered: boolean;
  /** Tasks that must be done before, beside those that make what is read. */
  readonly after: readonly Task[];
}
