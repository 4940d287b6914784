/**
 * What every place of the browser test computes: a formula in float64 and a network in float32, by WebAssembly.
 *
 * In: the model's URL and the options of `jacrow`. Out: numbers that can be sent as JSON, or the error that came instead.
 */

import { cos, type JacrowOptions, jacrow, type Row, sin, stack, type Tensor } from "../../src/index.ts";
import { loadOnnx } from "../../src/onnx.ts";

/** What a place reports. */
export interface Work {
  readonly arm: readonly number[];
  readonly net: readonly number[];
  readonly device: string;
  readonly threads: number;
  readonly notes: readonly string[];
  /** Was shared memory there? */
  readonly isolated: boolean;
}

/** An error as data. */
export interface Failure {
  readonly error: { readonly name: string; readonly code: string; readonly message: string };
}

const arm = ([a, b]: Row<2>): Tensor => stack([cos(a).add(cos(a.add(b))), sin(a).add(sin(a.add(b)))]);
/** Enough rows that threads are woken; results are reported of every `STEP`-th row. */
const ROWS = 20_000;
const STEP = 40;

/** The same numbers everywhere; row i does not depend on which others there are. */
function rows(width: number, step: number): number[][] {
  const cell = (i: number, k: number): number => Math.sin(1 + i * width + k);
  return Array.from({ length: ROWS / step }, (_, i) =>
    Array.from({ length: width }, (_, k) => cell(i * step, k)),
  );
}

/** Results of every `STEP`-th row. */
function sampled(result: unknown, step: number): number[] {
  const { data, shape } = result as { data: Float64Array; shape: readonly number[] };
  const cells = data.length / (shape[0] ?? 1);
  return Array.from(data).filter((_, index) => (Math.floor(index / cells) * step) % STEP === 0);
}

/** Computes both Jacobians; the interpreter, which is slow, only of the rows that are reported. */
export async function work(model: string | Uint8Array, options: JacrowOptions): Promise<Work | Failure> {
  const step = options.device === "interpreter" ? STEP : 1;
  try {
    const armJacobian = jacrow(arm, options);
    const net = await loadOnnx(model);
    const netJacobian = jacrow(net, options);
    const width = net.inputs[0]?.shape[0] ?? 0;
    const [armZ, netZ] = [await armJacobian(rows(2, step)), await netJacobian(rows(width, step))];
    const { device, threads, notes } = netJacobian.info;
    const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
    return { arm: sampled(armZ, step), net: sampled(netZ, step), device, threads, notes, isolated };
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return { error: { name, message, code: code ?? "" } };
  }
}
