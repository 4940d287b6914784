/**
 * The structure suite: what sparse Jacobians, parts of them, networks with cheap orders and sums over rows cost: emitted operations,
 * scratch, planning and first-call time, and nanoseconds per row (f64, one thread).
 */

import { expandJacobians, planJacobian } from "../../src/autodiff/index.ts";
import { featureCode } from "../../src/codegen/few-rows.ts";
import {
  add,
  concat,
  diagonal,
  jacobian,
  mul,
  type Row,
  sin,
  square,
  sub,
  type Tensor,
  tanh,
} from "../../src/index.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { compileKernelSync } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { type AnyFunction, trace } from "../../src/trace/trace.ts";
import { relativeError, timeSync } from "../measure.ts";
import type { Report, Series } from "../report.ts";
import type { Settings } from "../settings.ts";
import { bundleAdjustment } from "../tasks/bundle-adjustment.ts";
import { attention, chain, residual, twoHeads } from "../tasks/networks.ts";
import { normalEquations, PARAMETERS, peakRows, plainPeaks } from "../tasks/pseudo-voigt.ts";

const SIZES = [100, 1000, 10_000];
/** Networks by forward mode, reverse mode and as planned, and how many rows to time. */
const NETWORKS: readonly { readonly program: Program; readonly rows: number }[] = [
  { program: chain([784, 256, 32, 256, 784]), rows: 8 },
  { program: chain([3, 64, 5]), rows: 10_000 },
  { program: residual({ in: 40, width: 16, out: 40, blocks: 2 }), rows: 2000 },
  { program: twoHeads({ in: 8, width: 64, heads: [1, 10] }), rows: 2000 },
  { program: attention({ tokens: 8, width: 16, inner: 8, out: 4 }), rows: 2000 },
];
/** Numbers of all rows of a call. */
const CELLS = 1_000_000;
const PEAK_ROWS = 2000;

const elementwise = (x: Row): Row => tanh(mul(x, sin(x)));

/** x[i] (2 x[i]² − x[i − 1] − x[i + 1]), zeros beyond the ends. */
function stencil(x: Row): Row {
  const zero = mul(0, x.slice(0, 1));
  const around = add(concat([x.slice(1), zero]), concat([zero, x.slice(0, -1)]));
  return mul(x, sub(mul(2, square(x)), around)) as Row;
}

/** Runs the suite. */
export async function structure(report: Report, settings: Settings): Promise<void> {
  const wanted = (name: string): boolean => settings.workloads?.includes(name) ?? true;
  for (const [name, f] of [
    ["elementwise", elementwise],
    ["tridiagonal", stencil],
  ] as const) {
    for (const d of wanted(name) ? SIZES : []) {
      measure(report, `${name}-${d}`, { subject: "compressed", plan: () => compressed(programOf(f, d)) });
      const part = (x: Row): Tensor => diagonal(jacobian(f)(x));
      measure(report, `${name}-${d}`, {
        subject: "diagonal",
        plan: () => ({ program: expandJacobians(programOf(part, d)) }),
      });
    }
  }
  if (wanted("bundle"))
    measure(report, "bundle", { subject: "compressed", plan: () => compressed(bundleAdjustment()) });
  for (const { program, rows } of NETWORKS.filter(({ program: { name } }) => wanted(name)))
    for (const mode of ["forward", "reverse", "auto"] as const)
      measure(report, program.name, {
        subject: mode,
        plan: () => planJacobian(program, { wrt: [0], mode }),
        rows,
      });
  if (wanted("peaks")) peaksOf(report);
}

const series = (workload: string, subject: string): Series => ({
  suite: "structure",
  workload,
  subject,
  device: "wasm",
  dtype: "f64",
  threads: 1,
});

interface Work {
  readonly program: Program;
  readonly nonzeros?: number;
}

/** The function as a program of one row of d numbers. */
function programOf(f: AnyFunction, d: number): Program {
  const inputs = [{ name: "x", shape: [d], level: "row" as const }];
  return trace(f, { structure: { kind: "array", items: [{ kind: "leaf", index: 0 }] }, inputs }).program;
}

/** The nonzeros of the Jacobian by the first input. */
function compressed(program: Program): Work {
  const { program: planned, patterns } = planJacobian(program, { wrt: [0], format: "compressed" });
  return { program: planned, nonzeros: patterns().reduce((sum, { rows }) => sum + rows.length, 0) };
}

function measure(
  report: Report,
  workload: string,
  { subject, plan, rows: given }: { subject: string; plan: () => Work; rows?: number },
): void {
  const start = performance.now();
  const { program, nonzeros } = plan();
  const plan_ms = performance.now() - start;
  const counts = operationCounts(lower(prepared(program), { dtype: "f64", slices: featureCode()?.slices }));
  const kernel = compileKernelSync(program, { device: "wasm", dtype: "f64" });
  const cells = program.inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const rows = given ?? Math.max(1, Math.floor(CELLS / cells));
  const shared = program.inputs.filter(({ level }) => level === "bound").map(weightsOf);
  const bound = kernel.bindFixed(rows, shared);
  for (const input of bound.inputs) input.forEach((_, cell) => (input[cell] = Math.sin(cell) + 1.5));
  const { minimum } = timeSync(() => bound.run(), { budget: 300, most: 20 });
  kernel.dispose();
  report.add(series(workload, subject), {
    ...(nonzeros === undefined ? {} : { nonzeros }),
    mul: counts.mul,
    add: counts.add,
    div: counts.div,
    scratch_bytes: counts.scratchBytes,
    plan_ms,
    ns_per_row: (minimum * 1e6) / rows,
  });
}

/** Moderate weights, no two alike. */
function weightsOf({ shape }: InputNode): Float64Array {
  return Float64Array.from({ length: sizeOf(shape) }, (_, cell) => 0.1 * Math.sin(cell * 1.7));
}

/** Σ JᵀJ and Σ Jᵀr of twelve peaks with 48 shared parameters, and how far they are from plain JavaScript. */
function peaksOf(report: Report): void {
  const data = peakRows(PEAK_ROWS);
  const start = performance.now();
  const run = normalEquations();
  const { JtJ } = run(data);
  const first_call_ms = performance.now() - start;
  const gram = new Float64Array(PARAMETERS ** 2);
  for (const t of data.t) {
    const { gradient } = plainPeaks(t, data.p);
    gradient.forEach((a, i) => {
      gradient.forEach((b, j) => {
        gram[i * PARAMETERS + j] = (gram[i * PARAMETERS + j] as number) + a * b;
      });
    });
  }
  const { minimum } = timeSync(() => run(data), { budget: 500, most: 200 });
  report.add(series("peaks", "Gauss-Newton"), {
    error: relativeError(JtJ.data, gram),
    first_call_ms,
    ms: minimum,
    ns_per_row: (minimum * 1e6) / PEAK_ROWS,
  });
}
