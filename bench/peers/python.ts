/** Runs peers.py in a Python that has PyTorch and JAX, on the same weights and rows, and reads its figures. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeNpy } from "../../src/data/npy.ts";
import type { Layer, Workload } from "../workloads.ts";

/** One formulation's figures, in milliseconds; `error` is relative to jacrow's Z. */
export interface PeerFigures {
  readonly subject: string;
  readonly ms: number;
  readonly min_ms: number;
  readonly first_call_ms: number;
  readonly error: number;
}

/** What the peers compute, and on what. */
export interface PeerTask {
  readonly workload: Workload;
  readonly layers: readonly Layer[];
  readonly rows: Float32Array<ArrayBuffer>;
  readonly jacobian: Float32Array<ArrayBuffer>;
  readonly threads: number;
}

/** The figures of PyTorch and JAX, all formulations; a missing package is reported and skipped. */
export function pythonPeers(python: string, task: PeerTask): PeerFigures[] {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-bench-"));
  try {
    const { workload, layers, rows, jacobian } = task;
    const n = rows.length / workload.inputs;
    const save = (name: string, data: Float32Array<ArrayBuffer>, shape: readonly number[]): void =>
      writeFileSync(join(folder, name), writeNpy({ data, shape: [...shape] }));
    save("X.npy", rows, [n, workload.inputs]);
    save("Z.npy", jacobian, [n, workload.outputs, workload.inputs]);
    layers.forEach(({ shape, weights, bias }, index) => {
      save(`w${index}.npy`, weights, shape);
      save(`b${index}.npy`, bias, [shape[0]]);
    });
    const script = fileURLToPath(new URL("./peers.py", import.meta.url));
    const lines = execFileSync(python, [script, folder, String(task.threads)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split("\n");
    const parsed = lines.map((line) => JSON.parse(line) as PeerFigures | { missing: string });
    for (const line of parsed) if ("missing" in line) console.log(`  skipped a Python peer: ${line.missing}`);
    return parsed.filter((line): line is PeerFigures => !("missing" in line));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
