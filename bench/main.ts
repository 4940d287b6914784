/** `npm run bench`: measures the machine, then the suites, prints every figure and writes them as JSON. */

import { setFlagsFromString } from "node:v8";
import { UsageError } from "../src/errors.ts";
import type { Machine } from "./machine.ts";
import { Report } from "./report.ts";
import { help, type Settings, settingsOf } from "./settings.ts";

type Suite = (report: Report, settings: Settings, machine: Machine) => Promise<void>;

async function main(): Promise<void> {
  const settings = settingsOf(process.argv.slice(2));
  if (settings === "help") return console.log(help);
  // Node 20 has relaxed SIMD only behind a flag that must be set before the first module is compiled.
  if (Number(process.versions.node.split(".")[0]) < 22 && !settings.plain)
    setFlagsFromString("--experimental-wasm-relaxed-simd");
  const { measureMachine } = await import("./machine.ts");
  const machine = measureMachine();
  console.log(machine.description);
  const { calls } = await import("./suites/calls.ts");
  const { dense } = await import("./suites/dense.ts");
  const { elimination } = await import("./suites/elimination.ts");
  const { generation } = await import("./suites/generation.ts");
  const { kinematics } = await import("./suites/kinematics.ts");
  const { memory } = await import("./suites/memory.ts");
  const { networks } = await import("./suites/networks.ts");
  const { structure } = await import("./suites/structure.ts");
  const { training } = await import("./suites/training.ts");
  const suites: Readonly<Record<string, Suite>> = {
    dense,
    networks,
    calls,
    elimination,
    generation,
    structure,
    kinematics,
    memory,
    training,
  };
  const report = new Report();
  for (const name of settings.suites ?? Object.keys(suites)) {
    const suite = suites[name];
    if (suite === undefined)
      throw new UsageError("JR491", `--suite ${name}: ${Object.keys(suites).join(", ")}`);
    console.log(`\n${name}`);
    await suite(report, settings, machine);
  }
  if (settings.json !== undefined) report.write(settings.json);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 70;
});
