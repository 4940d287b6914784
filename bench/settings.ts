/** The bench's command line. */

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { UsageError } from "../src/errors.ts";

/** What to run. */
export interface Settings {
  readonly suites: readonly string[] | undefined;
  readonly workloads: readonly string[] | undefined;
  readonly devices: readonly Device[];
  readonly threads: readonly number[];
  readonly peers: boolean;
  readonly python: string | undefined;
  readonly json: string | undefined;
  /** Node 20 as users start it: multiply, then add. */
  readonly plain: boolean;
}

/** Devices that are measured. */
export type Device = "wasm" | "native" | "interpreter";

export const help = `npm run bench -- [--suite NAME]… [--workload NAME]… [--device wasm|native|interpreter] [--threads N]…
  [--peers] [--python PATH] [--plain] [--json FILE]

Without --threads: one thread, then all. --peers adds jax-js and TF.js (npm install in bench/ first);
--python names an interpreter that has torch and jax. --plain leaves Node 20 without relaxed SIMD. --json writes every figure as
{ suite, workload, subject, device, dtype, threads, metric, value }.`;

/** Settings from arguments; throws UsageError for what is not known. */
export function settingsOf(args: readonly string[]): Settings | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: "string", multiple: true },
      workload: { type: "string", multiple: true },
      device: { type: "string", multiple: true },
      threads: { type: "string", multiple: true },
      peers: { type: "boolean", default: false },
      python: { type: "string" },
      json: { type: "string" },
      plain: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const all = [...new Set([1, availableParallelism()])];
  return {
    suites: values.suite,
    workloads: values.workload,
    devices: (values.device ?? ["wasm"]).map(deviceOf),
    threads: values.threads?.map(Number) ?? all,
    peers: values.peers,
    python: values.python,
    json: values.json,
    plain: values.plain,
  };
}

function deviceOf(name: string): Device {
  if (name === "wasm" || name === "native" || name === "interpreter") return name;
  throw new UsageError("JR490", `--device ${name}: wasm, native or interpreter`);
}
