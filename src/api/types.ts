/** What `jacrow` and `rows` return: the types of calls, results, specs and options. */

import type { NdArray } from "../data/ndarray.ts";
import type { RowsInput } from "../data/rows.ts";
import type { FloatType } from "../data/shape.ts";
import type { Shape } from "../trace/shapes.ts";
import type { Wrt } from "../trace/wrt.ts";

/** Where and how rows are computed. */
export interface RunOptions {
  /**
   * `"native"` (Node) compiles C and needs a compiler and the package koffi. `"auto"` (the default) is WebAssembly; where native code
   * can be had, it takes over once calls add up to the operations that repay compiling it, which happens beside them. Last digits
   * may change then, unless `deterministic`. `"interpreter"` is slow, float64 and needs nothing.
   */
  readonly device?: "auto" | "wasm" | "native" | "interpreter";
  /** Overrides the width that the model or the rows decide. */
  readonly dtype?: FloatType;
  /** Threads for long asynchronous calls, the calling one included; by default all cores, at most 6. */
  readonly threads?: number;
  /** The same bits on every machine: no fused multiply-add, sums in fixed order. */
  readonly deterministic?: boolean;
  /** Inputs that all rows share, by name or position: a function's arguments are x, or x0, x1, …, those of `({ t, p }) =>` t and p. */
  readonly shared?: readonly (string | number)[];
  /** Accepts outputs that do not depend on an input, and rows whose last entries are never read where others are, one by one. */
  readonly allowZero?: boolean;
  /** Most bytes that one call's results may take; by default what the machine has, and 512 MB per row. */
  readonly maxBytes?: number;
}

/** Options of `jacrow`. */
export interface JacrowOptions extends RunOptions {
  /** Inputs to differentiate by, row or shared; all row inputs by default. */
  readonly wrt?: Wrt;
  /** Names pick outputs; numbers pick entries of a lone output. */
  readonly outputs?: string | number | readonly (string | number)[];
  /** How the chain rule is multiplied out; `"auto"` counts the cost. */
  readonly mode?: "auto" | "forward" | "reverse";
  /** How long to look for a cheaper order. */
  readonly effort?: "quick" | "default" | "thorough";
  /** `"compressed"`: only the entries that may be nonzero, (n, nnz) in the order of `J.pattern()`. */
  readonly format?: "dense" | "compressed";
}

/**
 * Which entries of one output's Jacobian may be nonzero, the same for every row: output cell `rows[e]` and input cell `columns[e]` of
 * entry e, by row, then column. `rowStarts` is the CSR view: row r has entries rowStarts[r] ≤ e < rowStarts[r + 1].
 */
export interface SparsityPattern {
  /** Cells of the output, cells of the input. */
  readonly shape: readonly [rows: number, columns: number];
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly rowStarts: Int32Array;
}

/** Rows of one input, or the value of a shared one. */
export type Given = RowsInput | number;

/** What a call takes, for the parameters of the user's function. */
export type GivenFor<P extends readonly unknown[]> = number extends P["length"]
  ? readonly (Given | Readonly<Record<string, Given>>)[]
  : { readonly [K in keyof P]: GivenOne<P[K]> };

type GivenOne<A> = A extends { readonly traced: unknown } ? Given : { readonly [K in keyof A]: Given };

/** Where results go: an array of the right shape, or the nest of them. */
export interface SyncOptions {
  /** Receives the results instead of new arrays; as the results are nested. */
  readonly out?: unknown;
}

/** The shape of one row of each input: a shape, one per position, or one per name. */
export type InputShapes = Shape | readonly Shape[] | Readonly<Record<string, Shape>>;

/** The shapes and width to plan for. */
export interface ShapeSpec {
  /** Shapes of one row of each input (of the whole input where it is shared); not needed for models. */
  readonly inputs?: InputShapes;
  readonly dtype?: FloatType;
}

/** What to compile for. */
export interface CompileSpec extends ShapeSpec {
  /** Rows that `bind` will be given: what so few rows need is compiled then, too. */
  readonly n?: number;
}

/** What to explain, and how. */
export interface ExplainSpec extends ShapeSpec {
  /** What beyond the plan to show as text: `"ir"` adds the program of one row. */
  readonly show?: readonly "ir"[];
  /** Text (the default), its facts as JSON, or the graph with the plan drawn on it as SVG (Node). */
  readonly format?: "text" | "json" | "svg";
}

/** What to preallocate: the number of rows, and the values of shared inputs by name or position. */
export type BindSpec = ShapeSpec & { readonly n: number; readonly [shared: string]: unknown };

/** Preallocated rows and results. */
export interface Bound<R, V = unknown> {
  /** Views to write rows into: one, or one per row input as the function takes them. */
  readonly inputs: V;
  /** Views that `run` writes, nested as the results of a call. */
  readonly result: R;
  /** Computes `result` from `inputs`; allocates nothing. */
  run(): void;
  /** Reads the shared inputs given to `bind` again, for later runs. */
  rebind(): void;
}

/** How calls are computed. */
export interface RunInfo {
  /** Where the latest compiled function runs now. */
  readonly device: "wasm" | "native" | "interpreter";
  readonly threads: number;
  /** Compiled specs that are kept. */
  readonly compiled: number;
  /** What was decided quietly: conversions, fewer threads. */
  readonly notes: readonly string[];
}

/** Several outputs or inputs, nested as results are. */
export type Nest<T> = readonly (T | Nest<T>)[] | { readonly [name: string]: T | Nest<T> };

/** A function of all rows. */
export interface RowMap<Args extends readonly unknown[], R, V = NdArray> {
  /** Computes all rows, with worker threads where there are any. */
  (...args: Args): Promise<R>;
  /** The same on the calling thread, at once. */
  sync(...args: [...Args, SyncOptions?]): R;
  /** One row: results without the axis of rows. */
  one(...args: Args): R;
  /** Compiles before the first call. */
  compile(spec?: CompileSpec): Promise<void>;
  /** Preallocates rows and results for control loops. */
  bind(spec: BindSpec): Bound<R, V>;
  /** What is computed per row, and at what cost. Throws JR459 for the picture of `rows(g)`, which has no plan. */
  explain(spec?: ExplainSpec): string;
  /** Where the Jacobian may be nonzero: one pattern, or the nest of them as results are nested. Of `rows(g)`: an error. */
  pattern(spec?: ShapeSpec): SparsityPattern | Nest<SparsityPattern>;
  readonly info: RunInfo;
  /** Frees compiled code and memory; later calls throw. */
  dispose(): void;
}
