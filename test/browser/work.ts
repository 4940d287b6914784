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
const ROWS = 500;

/** The same numbers everywhere. */
function rows(n: number, width: number): number[][] {
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: width }, (_, k) => Math.sin(1 + i * width + k)),
  );
}

/** Computes both Jacobians. */
export async function work(model: string | Uint8Array, options: JacrowOptions): Promise<Work | Failure> {
  try {
    const armJacobian = jacrow(arm, options);
    const net = await loadOnnx(model);
    const netJacobian = jacrow(net, options);
    const width = net.inputs[0]?.shape[0] ?? 0;
    const [armRows, netRows] = [await armJacobian(rows(ROWS, 2)), await netJacobian(rows(ROWS, width))];
    const { device, threads, notes } = netJacobian.info;
    const numbers = (result: unknown): number[] => Array.from((result as { data: Float64Array }).data);
    const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
    return { arm: numbers(armRows), net: numbers(netRows), device, threads, notes, isolated };
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return { error: { name, message, code: code ?? "" } };
  }
}
