/**
 * The dense suite: B1–B5, the whole row-wise Jacobian with the values, on every device and thread count asked for,
 * beside the peers in the same run.
 */

import { jacrow } from "../../src/index.ts";
import type { Machine } from "../machine.ts";
import { relativeError, time } from "../measure.ts";
import { jaxJsFormulations } from "../peers/jax-js.ts";
import { pythonPeers } from "../peers/python.ts";
import { tensorFlowJacobian } from "../peers/tfjs.ts";
import type { Report, Series } from "../report.ts";
import type { Settings } from "../settings.ts";
import { flopsPerRow, forward, layersOf, rowsOf, type Workload, workloads } from "../workloads.ts";

/** Runs the suite. */
export async function dense(report: Report, settings: Settings, machine: Machine): Promise<void> {
  for (const workload of workloads.filter(({ name }) => settings.workloads?.includes(name) ?? true)) {
    for (const threads of settings.threads) {
      const jacobian = await ours(report, { workload, threads, settings, machine });
      if (settings.python !== undefined)
        python(report, { workload, threads, python: settings.python, jacobian });
      if (settings.peers && threads === 1) {
        await jaxJs(report, workload, jacobian);
        await tensorFlow(report, workload, jacobian);
      }
    }
  }
}

async function ours(
  report: Report,
  run: { workload: Workload; threads: number; settings: Settings; machine: Machine },
): Promise<Float32Array<ArrayBuffer>> {
  const { workload, threads, settings, machine } = run;
  const rows = { data: rowsOf(workload), shape: [workload.rows, workload.inputs] };
  let result = new Float32Array();
  for (const device of settings.devices) {
    const start = performance.now();
    const J = jacrow(forward(layersOf(workload)), { device, threads });
    const Z = await J(rows);
    const first = performance.now() - start;
    const { median, minimum } = await time(() => J(rows));
    const gflops = (flopsPerRow(workload) * workload.rows) / minimum / 1e6;
    const peak = machine.peak(device, "f32") * threads;
    report.add(
      { ...series(workload, threads), subject: "jacrow", device },
      { ms: median, min_ms: minimum, first_call_ms: first, gflops, percent_of_peak: (100 * gflops) / peak },
    );
    J.dispose();
    result = Z.data as Float32Array<ArrayBuffer>;
  }
  return result;
}

function series(
  workload: Workload,
  threads: number,
): Pick<Series, "suite" | "workload" | "dtype" | "threads"> {
  return { suite: "dense", workload: workload.name, dtype: "f32", threads };
}

function python(
  report: Report,
  run: { workload: Workload; threads: number; python: string; jacobian: Float32Array<ArrayBuffer> },
): void {
  const { workload, threads, jacobian } = run;
  const figures = pythonPeers(run.python, {
    workload,
    layers: layersOf(workload),
    rows: rowsOf(workload),
    jacobian,
    threads,
  });
  for (const { subject, ms, min_ms, first_call_ms, error } of figures) {
    report.add(
      { ...series(workload, threads), subject, device: "cpu" },
      { ms, min_ms, first_call_ms, error },
    );
  }
}

async function jaxJs(report: Report, workload: Workload, jacobian: Float32Array): Promise<void> {
  for (const { name, run } of await jaxJsFormulations(workload, layersOf(workload), rowsOf(workload))) {
    const start = performance.now();
    const first = await run();
    const elapsed = performance.now() - start;
    const error = relativeError(await first.data(), jacobian);
    const { median, minimum } = await time(async () => (await run()).dispose(), { budget: 2000 });
    report.add(
      { ...series(workload, 1), subject: name, device: "wasm" },
      { ms: median, min_ms: minimum, first_call_ms: elapsed, error },
    );
  }
}

async function tensorFlow(report: Report, workload: Workload, jacobian: Float32Array): Promise<void> {
  const run = await tensorFlowJacobian(workload, layersOf(workload), rowsOf(workload));
  const start = performance.now();
  const first = await run();
  const elapsed = performance.now() - start;
  const error = relativeError(first, jacobian);
  const { median, minimum } = await time(run, { budget: 2000 });
  report.add(
    { ...series(workload, 1), subject: "TF.js grad per output", device: "wasm" },
    { ms: median, min_ms: minimum, first_call_ms: elapsed, error },
  );
}
