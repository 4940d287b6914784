/**
 * The kinematics suite: the 6 × 7 geometric Jacobian of a 7-joint arm for 1, 10² and 10⁵ configurations, through
 * `bind().run()` on one thread, beside PyTorch in the same run.
 */

import { rows } from "../../src/index.ts";
import { relativeError, timeSync } from "../measure.ts";
import { armPeers } from "../peers/python.ts";
import type { Report, Series } from "../report.ts";
import type { Settings } from "../settings.ts";
import { geometricJacobian, LINKS, plainJacobian } from "../tasks/iiwa.ts";
import { generator } from "../workloads.ts";

const SIZES = [1, 100, 100_000] as const;
/** Rows that are compared with the closed form. */
const CHECKED = 100;

/** Runs the suite. */
export async function kinematics(report: Report, settings: Settings): Promise<void> {
  for (const dtype of ["f64", "f32"] as const) {
    for (const n of SIZES) {
      const series = { suite: "kinematics", workload: `iiwa n=${n}`, dtype, threads: 1 } as const;
      if (settings.workloads?.includes(series.workload) === false) continue;
      const random = generator(n);
      const angles = Float64Array.from({ length: 7 * n }, () => (2 * random() - 1) * Math.PI);
      const q = dtype === "f32" ? Float32Array.from(angles) : angles;
      let Z: Floats = new Float64Array();
      for (const device of settings.devices)
        Z = ours(report, { ...series, subject: "jacrow run()", device }, q);
      if (settings.python !== undefined) peers(report, { series, python: settings.python, q, Z });
    }
  }
}

type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

function ours(report: Report, series: Series, q: Floats): Floats {
  const { device, dtype, threads } = series;
  const n = q.length / 7;
  const J = rows(geometricJacobian, { device: device as "wasm", threads, dtype });
  const bound = J.bind({ n, inputs: [7] });
  bound.inputs.data.set(q);
  const { median, minimum } = timeSync(() => bound.run(), { budget: 500, most: n > 1000 ? 20 : 20_000 });
  const Z = bound.result.data.slice();
  const checked = Math.min(n, CHECKED);
  const plain = Float64Array.from({ length: checked * 42 }, () => 0);
  for (let row = 0; row < checked; row++)
    plain.set(plainJacobian(q.subarray(7 * row, 7 * row + 7)), 42 * row);
  report.add(series, {
    us_per_call: median * 1e3,
    min_us: minimum * 1e3,
    ns_per_row: (minimum * 1e6) / n,
    error: relativeError(Z.subarray(0, 42 * checked), plain),
  });
  J.dispose();
  return Z;
}

interface PeerRun {
  readonly series: Omit<Series, "subject" | "device">;
  readonly python: string;
  readonly q: Floats;
  readonly Z: Floats;
}

function peers(report: Report, { series, python, q, Z }: PeerRun): void {
  const n = q.length / 7;
  const task = {
    Q: { data: q, shape: [n, 7] },
    Z: { data: Z, shape: [n, 6, 7] },
    links: LINKS,
    threads: series.threads,
  };
  for (const { subject, ms, min_ms, first_call_ms, error } of armPeers(python, task)) {
    const figures = {
      us_per_call: ms * 1e3,
      min_us: min_ms * 1e3,
      ns_per_row: (min_ms * 1e6) / n,
      first_call_ms,
      error,
    };
    report.add({ ...series, subject, device: "cpu" }, figures);
  }
}
