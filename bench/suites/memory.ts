/**
 * The memory suite: peak memory of a large call beyond X, Y and Z, and a Z beyond 4 GB and 2³¹ numbers, each in a
 * process of its own.
 */

import { execFileSync } from "node:child_process";
import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";

const GIGABYTE = 1e9;

/** Runs the suite. */
export async function memory(report: Report, settings: Settings): Promise<void> {
  for (const device of settings.devices) {
    const series = { suite: "memory", subject: "jacrow", device, dtype: "f32", threads: 1 } as const;
    report.add({ ...series, workload: "8-64-64-4, 10⁶ rows" }, inProcess("rows"));
    if (totalmem() < 20 * GIGABYTE) console.log("skipped the Z of 8.6 GB: less than 20 GB of memory");
    else report.add({ ...series, workload: "Z of 2³¹ numbers" }, inProcess("huge"));
    report.add({ ...series, workload: "10⁵ calls at n = 1" }, inProcess("calls"));
  }
}

function inProcess(task: string): Record<string, number> {
  const script = fileURLToPath(new URL("../memory-task.ts", import.meta.url));
  const args = [...process.execArgv, "--expose-gc", script, task];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Record<string, number>;
}
