/**
 * The row program: what one row computes, as frozen plain data.
 *
 * A program is a graph of nodes with direct references to their operands. There is no batch axis anywhere:
 * shapes are shapes of ONE row's values. Nodes are made by `Builder` only, which shares equal nodes.
 */

/** Sizes of the axes of one row's value; `[]` is a scalar. */
export type Shape = readonly number[];

/** What a value's cells hold. All floats of a program have one width; bool and int take its lane width. */
export type Cell = "float" | "bool" | "int";

/**
 * When a value is known: while compiling, when weights are bound, for each row, or after all rows.
 * Only `rowSum` leads from "row" to "finish", and nothing leads back.
 */
export type Level = "constant" | "bound" | "row" | "finish";

/** Where in the user's source or model a node came from; takes no part in equality. */
export interface Origin {
  /** A short human name: `arm.ts:12` or `Gemm node "fc1"`. */
  readonly name: string;
}

/** Elementwise functions of one float. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "round"
  | "sqrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf";

/** Elementwise functions of two floats (or two ints for add, sub, mul, min, max, mod). Shapes must be equal. */
export type BinaryOp = "add" | "sub" | "mul" | "div" | "pow" | "mod" | "min" | "max" | "atan2";

/** Elementwise comparisons of two equal shapes, giving bool. */
export type CompareOp = "lt" | "le" | "eq" | "ne";

/** Elementwise logic on bool. */
export type LogicOp = "and" | "or";

/** Reductions over `axes`, which leave the shape. `any` and `all` take bool. */
export type ReduceOp = "reduceSum" | "reduceProd" | "reduceMax" | "reduceMin" | "any" | "all";

interface Common {
  /** Unique and increasing within one builder: operands have smaller ids. */
  readonly id: number;
  readonly shape: Shape;
  readonly cell: Cell;
  readonly level: Level;
  readonly origin?: Origin;
}

/** An input of the program: a row's values ("row") or values shared by all rows ("bound"). */
export interface InputNode extends Common {
  readonly op: "input";
  readonly name: string;
}

/** Numbers known when compiling; `values` has one entry (the same everywhere) or one per cell, row-major. */
export interface ConstantNode extends Common {
  readonly op: "constant";
  readonly values: Float64Array | Float32Array;
}

/** 0, 1, 2, … along `axis`, as int. */
export interface IotaNode extends Common {
  readonly op: "iota";
  readonly axis: number;
}

/** op(a), cell by cell. */
export interface UnaryNode extends Common {
  readonly op: UnaryOp;
  readonly a: Node;
}

/** op(a, b), cell by cell, of equal shapes. */
export interface BinaryNode extends Common {
  readonly op: BinaryOp;
  readonly a: Node;
  readonly b: Node;
}

/** Whether a and b compare so, cell by cell. */
export interface CompareNode extends Common {
  readonly op: CompareOp;
  readonly a: Node;
  readonly b: Node;
}

/** op(a, b) on bools, cell by cell. */
export interface LogicNode extends Common {
  readonly op: LogicOp;
  readonly a: Node;
  readonly b: Node;
}

/** The opposite of a bool. */
export interface NotNode extends Common {
  readonly op: "not";
  readonly a: Node;
}

/** Changes cells: bool → 0/1, int → float, float → int by truncation. */
export interface ConvertNode extends Common {
  readonly op: "convert";
  readonly a: Node;
}

/** condition ? a : b, elementwise; the operand not chosen never shows, not even as NaN. */
export interface SelectNode extends Common {
  readonly op: "select";
  readonly condition: Node;
  readonly a: Node;
  readonly b: Node;
}

/** The same cells in row-major order under another shape. */
export interface ReshapeNode extends Common {
  readonly op: "reshape";
  readonly a: Node;
}

/** out axis i is a's axis order[i]. */
export interface TransposeNode extends Common {
  readonly op: "transpose";
  readonly a: Node;
  readonly order: readonly number[];
}

/** numpy's rule: a's axes align right; axes of size 1 and missing axes repeat. */
export interface BroadcastNode extends Common {
  readonly op: "broadcast";
  readonly a: Node;
}

/** out[i] = a[starts + i·steps] per axis; steps may be negative. */
export interface SliceNode extends Common {
  readonly op: "slice";
  readonly a: Node;
  readonly starts: readonly number[];
  readonly steps: readonly number[];
}

/** Slice's transpose: zeros of `shape` with out[starts + i·steps] = a[i]. */
export interface PadNode extends Common {
  readonly op: "pad";
  readonly a: Node;
  readonly starts: readonly number[];
  readonly steps: readonly number[];
}

/** The parts one behind the other along `axis`. */
export interface ConcatNode extends Common {
  readonly op: "concat";
  readonly parts: readonly Node[];
  readonly axis: number;
}

/** out = a with `axis` replaced by indices' axes; indices (int) lie in [0, size). */
export interface GatherNode extends Common {
  readonly op: "gather";
  readonly a: Node;
  readonly indices: Node;
  readonly axis: number;
}

/** Gather's transpose: zeros of `shape`, each cell of a added at its index. */
export interface ScatterAddNode extends Common {
  readonly op: "scatterAdd";
  readonly a: Node;
  readonly indices: Node;
  readonly axis: number;
}

/** op over `axes`, which leave the shape. */
export interface ReduceNode extends Common {
  readonly op: ReduceOp;
  readonly a: Node;
  readonly axes: readonly number[];
}

/**
 * Two-operand einsum: axes carry labels (small integers); labels not in `outLabels` are summed.
 * A label occurs at most once in each of aLabels, bLabels, outLabels, and every out label in a or b.
 */
export interface ContractNode extends Common {
  readonly op: "contract";
  readonly a: Node;
  readonly b: Node;
  readonly aLabels: readonly number[];
  readonly bLabels: readonly number[];
  readonly outLabels: readonly number[];
}

/** Sliding windows: `axis` of size N becomes (count, size), out[i, k] = a[i·stride + k·dilation]. */
export interface WindowNode extends Common {
  readonly op: "window";
  readonly a: Node;
  readonly axis: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
}

/** Window's transpose: overlap-add of axes (axis, axis + 1) into one axis of size shape[axis]. */
export interface UnwindowNode extends Common {
  readonly op: "unwindow";
  readonly a: Node;
  readonly axis: number;
  readonly stride: number;
  readonly dilation: number;
}

/**
 * `steps` runs of `body`. Its inputs: carries, then one step of each `perStep` (axis 0), then captured values;
 * its outputs: the next carries, then one step of each output. Results are read with `project`:
 * final carries first, then the stacked outputs (axis 0 = step).
 */
export interface ScanNode extends Common {
  readonly op: "scan";
  readonly body: Program;
  readonly steps: number;
  readonly carries: readonly Node[];
  readonly perStep: readonly Node[];
  readonly captured: readonly Node[];
}

/** Result `index` of a scan. */
export interface ProjectNode extends Common {
  readonly op: "project";
  readonly a: Node;
  readonly index: number;
}

/** Sum over all rows: the only way from "row" to "finish". */
export interface RowSumNode extends Common {
  readonly op: "rowSum";
  readonly a: Node;
}

/** A named function kept whole until lowering, because its derivative or its kernel is better than its body's. */
export interface CallNode extends Common {
  readonly op: "call";
  readonly callee: Callee;
  readonly args: readonly Node[];
}

/** The Jacobian of a program at `args` with respect to its input `wrt`: shape (…out, …in). Expanded by autodiff. */
export interface JacobianNode extends Common {
  readonly op: "jacobian";
  readonly program: Program;
  readonly args: readonly Node[];
  readonly output: number;
  readonly wrt: number;
}

/** Its tangent and cotangent are zero: derivative information stops here; the value passes. */
export interface StopGradientNode extends Common {
  readonly op: "stopGradient";
  readonly a: Node;
}

/** Any node: told apart by `op`. */
export type Node =
  | InputNode
  | ConstantNode
  | IotaNode
  | UnaryNode
  | BinaryNode
  | CompareNode
  | LogicNode
  | NotNode
  | ConvertNode
  | SelectNode
  | ReshapeNode
  | TransposeNode
  | BroadcastNode
  | SliceNode
  | PadNode
  | ConcatNode
  | GatherNode
  | ScatterAddNode
  | ReduceNode
  | ContractNode
  | WindowNode
  | UnwindowNode
  | ScanNode
  | ProjectNode
  | RowSumNode
  | CallNode
  | JacobianNode
  | StopGradientNode;

/** The name of a primitive. */
export type Op = Node["op"];

/** The node interface an op belongs to: `NodeOf<"tanh">` is `UnaryNode`. */
export type NodeOf<K> = Node extends infer N
  ? N extends { readonly op: infer O }
    ? K extends O
      ? N
      : never
    : never
  : never;

/** One output of a program. */
export interface Output {
  readonly name: string;
  readonly value: Node;
}

/** What one row computes. Inputs keep their order; nodes are reached from the outputs. */
export interface Program {
  readonly name: string;
  readonly inputs: readonly InputNode[];
  readonly outputs: readonly Output[];
}

/**
 * A stable function: a body of one output, and how its derivative is formed.
 *
 * `elementwise` rules give, from (…args, result), one factor per argument, all of the result's shape
 * (a factor is ∂out/∂arg cell by cell). A `jvp` rule gives, from (…args, result, …tangents), the tangent,
 * and is linear in the tangents. Without a rule the body is differentiated.
 */
export interface Callee {
  /** softplus, softmax, …: what printers, ONNX out, smoothing and kernels key on. */
  readonly name: string;
  /** Numbers the callee was made with (β, axis), part of its identity. */
  readonly attributes: Readonly<Record<string, number>>;
  readonly body: Program;
  readonly rule?: DerivativeRule;
}

/** How a callee's derivative is formed; see `Callee`. */
export type DerivativeRule =
  | { readonly kind: "elementwise"; readonly partials: () => Program }
  | { readonly kind: "jvp"; readonly tangent: () => Program };
