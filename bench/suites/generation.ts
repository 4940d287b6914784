/**
 * The generation suite: what models of growing length take from their function to compiled code, each in a process that has
 * generated nothing before; with each length, how fast the time of all stages before the compiler grows with it (1: in proportion).
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";
import { families } from "../tasks/generation.ts";

type Figures = Record<`${"trace" | "plan" | "prepare" | "code" | "compile"}_ms` | "nodes", number>;

const STAGES = ["trace_ms", "plan_ms", "prepare_ms", "code_ms"] as const;
/** The least of so many processes. */
const PROCESSES = 3;

/** Runs the suite. */
export async function generation(report: Report, settings: Settings): Promise<void> {
  const wanted = families.filter(({ name }) => settings.workloads?.includes(name) ?? true);
  for (const device of settings.devices) {
    for (const { name, lengths } of wanted) {
      let before: { length: number; ms: number } | undefined;
      for (const length of lengths) {
        const found = leastOf(
          Array.from({ length: PROCESSES }, () => inProcess([name, `${length}`, device])),
        );
        const ms = STAGES.reduce((sum, stage) => sum + found[stage], 0);
        const growth = before && Math.log(ms / before.ms) / Math.log(length / before.length);
        report.add(
          {
            suite: "generation",
            workload: `${name} ${length}`,
            subject: "jacrow",
            device,
            dtype: "f32",
            threads: 1,
          },
          { ...found, all_ms: ms, ...(growth !== undefined && { growth }) },
        );
        before = { length, ms };
      }
    }
  }
}

function leastOf(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {}) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, Math.min(...runs.map((run) => run[name]))]),
  ) as Figures;
}

function inProcess(task: readonly string[]): Figures {
  const script = fileURLToPath(new URL("../generation-task.ts", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "jacrow-bench-"));
  const env = { ...process.env, JACROW_CACHE: join(folder, "cache") };
  const output = execFileSync(process.execPath, [...process.execArgv, script, ...task], {
    encoding: "utf8",
    env,
  });
  rmSync(folder, { recursive: true });
  return JSON.parse(output) as Figures;
}
