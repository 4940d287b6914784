/**
 * The calls suite: what one call costs at small n, and what the first one costs.
 *
 * The network of B1 through `bind().run()`, with its tail over 10⁵ calls, through `sync` and `await J(X)`; one row of wide networks
 * beside the time to read their weights; generating, compiling and starting B3.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jacrow } from "../../src/index.ts";
import type { Machine } from "../machine.ts";
import { time, timeSync } from "../measure.ts";
import type { Report, Series } from "../report.ts";
import type { Device, Settings } from "../settings.ts";
import { forward, layersOf, rowsOf, type Workload, workloads } from "../workloads.ts";

const SIZES = [1, 16, 20, 128, 1024] as const;
/** Sizes whose tail is reported. */
const TAILS: ReadonlySet<number> = new Set([1, 20]);
const TAIL_CALLS = 100_000;

const wide: Workload = { name: "5-512×5-3", inputs: 5, outputs: 3, width: 512, depth: 5, rows: 1 };

/** Runs the suite. */
export async function calls(report: Report, settings: Settings, machine: Machine): Promise<void> {
  const wanted = (name: string): boolean => settings.workloads?.includes(name) ?? true;
  for (const device of settings.devices) {
    const series = { suite: "calls", device, dtype: "f32", threads: 1 } as const;
    for (const n of wanted("B1") ? SIZES : [])
      await smallCalls(report, { ...series, workload: `B1 n=${n}` }, n);
    for (const n of wanted(wide.name) ? [1, 4, 16] : [])
      fewRows(report, { ...series, workload: `${wide.name} n=${n}` }, { n, machine });
    if (wanted("B3") && device !== "interpreter") starts(report, { ...series, workload: "B3" }, device);
  }
}

type Place = Omit<Series, "subject">;

async function smallCalls(report: Report, place: Place, n: number): Promise<void> {
  const workload = workloads[0] as Workload;
  const J = jacrow(forward(layersOf(workload)), { device: place.device as Device, threads: 1 });
  const rows = { data: rowsOf(workload, n), shape: [n, workload.inputs] };
  await J(rows);
  const bound = J.bind({ n, inputs: [workload.inputs], dtype: "f32" });
  bound.inputs.data.set(rows.data);
  const run = micro(timeSync(() => bound.run()));
  const tail = TAILS.has(n) ? tailOf(() => bound.run()) : {};
  report.add({ ...place, subject: "jacrow run()" }, { ...run, ...tail });
  report.add({ ...place, subject: "jacrow sync" }, micro(timeSync(() => void J.sync(rows))));
  const out = J.sync(rows);
  const kept = timeSync(() => void J.sync(rows, { out }));
  report.add({ ...place, subject: "jacrow sync, out" }, micro(kept));
  report.add({ ...place, subject: "jacrow await J(X)" }, micro(await time(() => J(rows), { budget: 500 })));
  J.dispose();
}

interface Micro {
  readonly us_per_call: number;
  readonly min_us: number;
}

function micro({ median, minimum }: { median: number; minimum: number }): Micro & Record<string, number> {
  return { us_per_call: median * 1e3, min_us: minimum * 1e3 };
}

/**
 * The tail of many calls: wall time, and the processor time of this process while they ran. A pause that is not ours takes none:
 * another process had the core.
 */
function tailOf(call: () => void): Record<string, number> {
  const [wall, own] = [new Float64Array(TAIL_CALLS), new Float64Array(TAIL_CALLS)];
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  for (let index = 0; index < TAIL_CALLS; index++) {
    const before = cpu();
    const start = performance.now();
    call();
    wall[index] = performance.now() - start;
    own[index] = cpu() - before;
  }
  wall.sort();
  own.sort();
  const p999 = Math.floor(0.999 * TAIL_CALLS);
  return {
    p999_us: (wall[p999] as number) * 1e3,
    max_us: (wall.at(-1) as number) * 1e3,
    p999_cpu_us: own[p999] as number,
    max_cpu_us: own.at(-1) as number,
    heap_bytes_per_call: allocated(call),
  };
}

/** Bytes of heap that a call takes, over many calls without a collection. */
function allocated(call: () => void): number {
  const count = 10_000;
  let least = Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < 5; trial++) {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < count; index++) call();
    least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before) / count);
  }
  return least;
}

/** One to a few rows of a network whose weights no first-level cache holds. */
function fewRows(report: Report, place: Place, { n, machine }: { n: number; machine: Machine }): void {
  const layers = layersOf(wide);
  const bytes = layers.reduce((sum, { weights }) => sum + weights.byteLength, 0);
  for (const mode of ["auto", "forward"] as const) {
    const J = jacrow(forward(layers), { device: place.device as Device, threads: 1, mode });
    const bound = J.bind({ n, inputs: [wide.inputs], dtype: "f32" });
    bound.inputs.data.set(rowsOf(wide, n));
    const { median, minimum } = timeSync(() => bound.run(), { budget: 300 });
    const read_us = bytes / machine.cacheBandwidth / 1e3;
    report.add(
      { ...place, subject: `jacrow run(), ${mode}` },
      {
        us_per_call: median * 1e3,
        min_us: minimum * 1e3,
        read_weights_us: read_us,
        times_reading: (minimum * 1e3) / read_us,
      },
    );
    J.dispose();
  }
}

/** From the function to code, and from code to the first result, each in a process that has done neither before, with a cache of its own. */
function starts(report: Report, place: Place, device: "wasm" | "native"): void {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-bench-"));
  const script = fileURLToPath(new URL("../start-task.ts", import.meta.url));
  const env = { ...process.env, JACROW_CACHE: join(folder, "cache") };
  const run = (task: string): Record<string, number> => {
    const args = [...process.execArgv, script, task, device, join(folder, "source.c")];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", env })) as Record<
      string,
      number
    >;
  };
  const made = run("generate");
  const figures = { ...made, ...(device === "native" && run("cached")), ...run("first") };
  report.add({ ...place, subject: "jacrow start" }, figures);
  rmSync(folder, { recursive: true });
}
