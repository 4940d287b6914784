/**
 * The networks suite: convolutions, attention, small matrices and residual blocks, the whole Jacobian on every device and
 * thread count asked for, beside PyTorch and JAX in the same run.
 *
 * `gflops` counts the multiply-adds of the product stages that the plan takes, over the whole time of a call.
 */

import { planJacobian } from "../../src/autodiff/index.ts";
import { jacrow } from "../../src/index.ts";
import { lower } from "../../src/lower/index.ts";
import { pointsOf, type Stage } from "../../src/lower/loops.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { trace } from "../../src/trace/trace.ts";
import type { Machine } from "../machine.ts";
import { time } from "../measure.ts";
import { modelPeers } from "../peers/python.ts";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";
import { type Model, models } from "../tasks/models.ts";
import { generator } from "../workloads.ts";

interface Run {
  readonly model: Model;
  readonly threads: number;
  readonly settings: Settings;
  readonly machine: Machine;
}

/** Runs the suite. */
export async function networks(report: Report, settings: Settings, machine: Machine): Promise<void> {
  for (const model of models.filter(({ name }) => settings.workloads?.includes(name) ?? true))
    for (const threads of settings.threads) await measure(report, { model, threads, settings, machine });
}

async function measure(report: Report, run: Run): Promise<void> {
  const { model, threads, settings } = run;
  const series = { suite: "networks", workload: model.name, dtype: "f32", threads } as const;
  const rows = rowsOf(model);
  const reached = new Map<string, number>();
  let result: { data: Float32Array<ArrayBuffer>; shape: readonly number[] } | undefined;
  for (const device of settings.devices) {
    const own = await ours(run, rows, device);
    report.add({ ...series, subject: "jacrow", device }, own.metrics);
    reached.set(device, own.metrics.min_ms);
    result = own.result;
  }
  if (settings.python === undefined || result === undefined) return;
  const outputs = result.shape.slice(1, result.shape.length - 1);
  const figures = modelPeers(settings.python, { model, outputs, rows, jacobian: result.data, threads });
  for (const { subject, ms, min_ms, first_call_ms, error } of figures)
    report.add({ ...series, subject, device: "cpu" }, { ms, min_ms, first_call_ms, error });
  const best = Math.min(...figures.map(({ min_ms }) => min_ms));
  for (const [device, min_ms] of reached)
    report.add({ ...series, subject: "best peer / jacrow", device }, { ratio: best / min_ms });
}

/** n rows in [−1, 1). */
function rowsOf({ input, rows }: Model): Float32Array<ArrayBuffer> {
  const random = generator(7);
  const cells = input.reduce((size, length) => size * length, rows);
  return Float32Array.from({ length: cells }, () => 2 * random() - 1);
}

type Device = Settings["devices"][number];

async function ours({ model, threads, machine }: Run, data: Float32Array<ArrayBuffer>, device: Device) {
  const rows = { data, shape: [model.rows, data.length / model.rows] };
  const start = performance.now();
  const J = jacrow(model.forward, { device, threads });
  const Z = await J(rows);
  const first_call_ms = performance.now() - start;
  const { median, minimum } = await time(() => J(rows));
  J.dispose();
  const gflops = (productFlops(model) * model.rows) / minimum / 1e6;
  const percent_of_peak = (100 * gflops) / (machine.peak(device, "f32") * threads);
  return {
    metrics: { ms: median, min_ms: minimum, first_call_ms, gflops, percent_of_peak },
    result: { data: Z.data as Float32Array<ArrayBuffer>, shape: Z.shape },
  };
}

/** Multiplications and additions of a row's product stages. */
function productFlops({ forward, input }: Model): number {
  const shape = [input.reduce((size, length) => size * length, 1)];
  const { program } = trace(forward, {
    structure: { kind: "array", items: [{ kind: "leaf", index: 0 }] },
    inputs: [{ name: "x", shape, level: "row" }],
  });
  const planned = planJacobian(program, { wrt: [0], mode: "auto" }).program;
  return flopsOf(lower(prepared(planned), { dtype: "f32" }).stages);
}

function flopsOf(stages: readonly Stage[]): number {
  return stages.reduce((flops, stage) => {
    if (stage.kind === "repeat") return flops + stage.axis.size * flopsOf(stage.stages);
    if (stage.kind !== "product") return flops;
    return flops + 2 * pointsOf([...stage.batch, ...stage.m, ...stage.n, ...stage.k]);
  }, 0);
}
