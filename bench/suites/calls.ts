/** The calls suite: what one call costs at small n, with its tail: the network of B1 through `bind().run()` and `sync`. */

import { jacrow } from "../../src/index.ts";
import { timeSync } from "../measure.ts";
import type { Report } from "../report.ts";
import type { Settings } from "../settings.ts";
import { forward, layersOf, rowsOf, type Workload, workloads } from "../workloads.ts";

const SIZES = [1, 16, 20, 128, 1024] as const;

/** Runs the suite. */
export async function calls(report: Report, settings: Settings): Promise<void> {
  const workload = workloads[0] as Workload;
  for (const device of settings.devices) {
    for (const n of SIZES) {
      const J = jacrow(forward(layersOf(workload)), { device, threads: 1 });
      const rows = { data: rowsOf(workload, n), shape: [n, workload.inputs] };
      await J(rows);
      const bound = J.bind({ n, inputs: [workload.inputs], dtype: "f32" });
      bound.inputs.data.set(rows.data);
      const series = { suite: "calls", workload: `B1 n=${n}`, device, dtype: "f32", threads: 1 } as const;
      const run = timeSync(() => bound.run());
      report.add({ ...series, subject: "jacrow run()" }, micro(run));
      const sync = timeSync(() => void J.sync(rows));
      report.add({ ...series, subject: "jacrow sync" }, micro(sync));
      J.dispose();
    }
  }
}

function micro({
  median,
  minimum,
  p999,
  maximum,
}: {
  median: number;
  minimum: number;
  p999: number;
  maximum: number;
}): Record<string, number> {
  return { us_per_call: median * 1e3, min_us: minimum * 1e3, p999_us: p999 * 1e3, max_us: maximum * 1e3 };
}
