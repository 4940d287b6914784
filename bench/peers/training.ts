/** Runs `training.py` with an interpreter that has torch (and jax), and adds its figures to the report. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Report } from "../report.ts";

interface Line {
  readonly workload: string;
  readonly subject: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Adds the peers' figures, one thread each. */
export function trainingPeers(report: Report, python: string): void {
  const script = fileURLToPath(new URL("training.py", import.meta.url));
  const output = execFileSync(python, [script], { encoding: "utf8" });
  for (const text of output.trim().split("\n")) {
    const { workload, subject, metrics } = JSON.parse(text) as Line;
    report.add({ suite: "training", workload, subject, device: "native", dtype: "f32", threads: 1 }, metrics);
  }
}
