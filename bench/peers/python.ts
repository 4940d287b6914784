/** Runs a peers script in a Python that has PyTorch and JAX, on the same weights and rows, and reads its figures. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeNpy } from "../../src/data/npy.ts";
import type { Model } from "../tasks/models.ts";
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

/** The same for a model. */
export interface ModelTask extends Omit<PeerTask, "workload" | "layers"> {
  readonly model: Model;
  readonly outputs: readonly number[];
}

interface Saved {
  readonly data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** The figures of PyTorch and JAX on a dense network, all formulations; a missing package is reported and skipped. */
export function pythonPeers(python: string, task: PeerTask): PeerFigures[] {
  const { workload, layers, rows, jacobian, threads } = task;
  const n = rows.length / workload.inputs;
  const files: Record<string, Saved> = {
    X: { data: rows, shape: [n, workload.inputs] },
    Z: { data: jacobian, shape: [n, workload.outputs, workload.inputs] },
  };
  layers.forEach(({ shape, weights, bias }, index) => {
    files[`w${index}`] = { data: weights, shape };
    files[`b${index}`] = { data: bias, shape: [shape[0]] };
  });
  return figuresOf(python, { script: "peers.py", files, args: [String(threads)] });
}

/** The same on a model of the networks suite. */
export function modelPeers(python: string, task: ModelTask): PeerFigures[] {
  const { model, outputs, rows, jacobian, threads } = task;
  const files: Record<string, Saved> = {
    X: { data: rows, shape: [model.rows, ...model.input] },
    Z: { data: jacobian, shape: [model.rows, ...outputs, ...model.input] },
  };
  for (const { name, data, shape } of model.weights) files[name] = { data, shape };
  return figuresOf(python, { script: "networks.py", files, args: [String(threads), model.kind] });
}

/** The figures of PyTorch on an arm's geometric Jacobians Z (n, 6, 7) for angles Q (n, 7), in their width. */
export function armPeers(python: string, { Q, Z, links, threads }: ArmTask): PeerFigures[] {
  return figuresOf(python, {
    script: "arm.py",
    files: { Q, Z },
    args: [String(threads), JSON.stringify(links)],
  });
}

/** An arm and its configurations. */
export interface ArmTask {
  readonly Q: Saved;
  readonly Z: Saved;
  readonly links: readonly unknown[];
  readonly threads: number;
}

interface Run {
  readonly script: string;
  readonly files: Readonly<Record<string, Saved>>;
  readonly args: readonly string[];
}

function figuresOf(python: string, { script, files, args }: Run): PeerFigures[] {
  return peerLines<PeerFigures>(python, {
    script,
    args,
    fill: (folder) => {
      for (const [name, { data, shape }] of Object.entries(files))
        writeFileSync(join(folder, `${name}.npy`), writeNpy({ data, shape: [...shape] }));
    },
  });
}

/** The lines that a script of this folder prints of what `fill` writes; a missing package is told and skipped. */
export function peerLines<T extends { readonly subject: string }>(
  python: string,
  { script, args, fill }: { script: string; args: readonly string[]; fill: (folder: string) => void },
): T[] {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-bench-"));
  try {
    fill(folder);
    const path = fileURLToPath(new URL(script, import.meta.url));
    const output = execFileSync(python, [path, folder, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as T | { missing: string });
    for (const line of lines) if ("missing" in line) console.log(`  skipped a Python peer: ${line.missing}`);
    return lines.filter((line): line is T => "subject" in line);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
