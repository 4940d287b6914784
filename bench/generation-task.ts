/** What one model takes from its function to compiled code, stage by stage, in a process of its own. In: family, length, device; prints figures as JSON. */

import { signatureOf } from "../src/api/arguments.ts";
import { baseOf } from "../src/api/plan.ts";
import { planJacobian } from "../src/autodiff/index.ts";
import { nodesOf } from "../src/ir/graph.ts";
import { buildLibrarySync } from "../src/runtime/native/build.ts";
import { nativePlan } from "../src/runtime/native/plan.ts";
import { provideNative } from "../src/runtime/native/register.ts";
import { prepared } from "../src/runtime/prepare.ts";
import { compileModuleSync } from "../src/runtime/wasm/module.ts";
import { wasmPlan } from "../src/runtime/wasm/plan.ts";
import { sized } from "./tasks/generation.ts";

provideNative();

const [family = "", length = "", device] = process.argv.slice(2);
const { f, inputs } = sized(family, Number(length));
const figures: Record<string, number> = {};

function timed<T>(stage: string, work: () => T): T {
  const start = performance.now();
  const value = work();
  figures[`${stage}_ms`] = performance.now() - start;
  return value;
}

const base = timed("trace", () => baseOf(f, signatureOf([[inputs]], [], { name: family, arity: 1 }), {}));
const { program } = timed("plan", () => planJacobian(base.program, { wrt: [0], value: true }));
const ready = timed("prepare", () => prepared(program));
figures["nodes"] = nodesOf(ready).length;
if (device === "native") {
  const { code, compiler } = timed("code", () => nativePlan(ready, { device, dtype: "f32" }));
  figures["code_bytes"] = code.source.length;
  timed("compile", () => buildLibrarySync(code.source, compiler));
} else {
  const { code } = timed("code", () => wasmPlan(ready, { device: "wasm", dtype: "f32" }));
  figures["code_bytes"] = code.bytes.length;
  timed("compile", () => compileModuleSync(code.bytes));
}
figures["peak_mb"] = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify(figures));
