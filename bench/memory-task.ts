/** One task of the memory suite, in a process of its own; prints its figures as JSON. */

import { cos, jacrow, mul, type Row, rows, sin, valueAndJacobian } from "../src/index.ts";
import { forward, layersOf, rowsOf, type Workload } from "./workloads.ts";

const MEGABYTE = 1e6;

/** Peak resident memory so far, in MB. */
const peak = (): number => (process.resourceUsage().maxRSS * 1024) / MEGABYTE;

/** Value and Jacobian of 10⁶ rows: what is used beyond X, Y and Z. */
async function manyRows(): Promise<Record<string, number>> {
  const workload: Workload = { name: "8-64-64-4", inputs: 8, outputs: 4, width: 64, depth: 2, rows: 1e6 };
  const x = { data: rowsOf(workload), shape: [workload.rows, workload.inputs] };
  const before = (process.memoryUsage().rss - x.data.byteLength) / MEGABYTE;
  const [y, z] = await rows(valueAndJacobian(forward(layersOf(workload))))(x);
  const arrays = (x.data.byteLength + y.data.byteLength + z.data.byteLength) / MEGABYTE;
  return { peak_rss_mb: peak(), before_mb: before, arrays_mb: arrays, beyond_mb: peak() - before - arrays };
}

/** A Z of more than 4 GB and 2³¹ numbers, with entries checked against the formula. */
async function hugeResult(): Promise<Record<string, number>> {
  const width = 64;
  const n = Math.floor(2 ** 31 / width ** 2) + 3;
  const data = Float32Array.from({ length: n * width }, (_, cell) => (cell % 1009) / 1009);
  const start = performance.now();
  // f_j = sin(x_j) · cos(x_0): every row has a dense first column and a diagonal.
  const f = (x: Row<64>): Row<64> => mul(sin(x), cos(x.at(0))).flatten() as Row<64>;
  const z = await jacrow(f)({ data, shape: [n, width] });
  const seconds = (performance.now() - start) / 1000;
  let wrong = 0;
  for (const row of [0, 1, n >> 1, n - 2, n - 1]) {
    const [x0, x5] = [data[row * width] as number, data[row * width + 5] as number];
    wrong = Math.max(wrong, Math.abs(z.at(row, 5, 0) + Math.sin(x5) * Math.sin(x0)));
    wrong = Math.max(
      wrong,
      Math.abs(z.at(row, 5, 5) - Math.cos(x5) * Math.cos(x0)),
      Math.abs(z.at(row, 5, 6)),
    );
  }
  return { numbers: z.data.length, gigabytes: z.data.byteLength / 1e9, seconds, largest_error: wrong };
}

/** Growth of memory over 10⁵ calls of one row. */
function manyCalls(): Record<string, number> {
  const workload: Workload = { name: "3-64-5", inputs: 3, outputs: 5, width: 64, depth: 1, rows: 1 };
  const J = jacrow(forward(layersOf(workload)));
  const x = { data: rowsOf(workload), shape: [1, workload.inputs] };
  const run = (calls: number): void => {
    for (let call = 0; call < calls; call++) J.sync(x);
  };
  const settled = (): number => {
    (globalThis as { gc?: () => void }).gc?.();
    return process.memoryUsage().rss / MEGABYTE;
  };
  run(20_000);
  const before = settled();
  run(100_000);
  return { before_mb: before, after_mb: settled() };
}

const tasks: Readonly<Record<string, () => Record<string, number> | Promise<Record<string, number>>>> = {
  rows: manyRows,
  huge: hugeResult,
  calls: manyCalls,
};
console.log(JSON.stringify(await tasks[process.argv[2] ?? ""]?.()));
process.exit(0);
