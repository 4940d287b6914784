/**
 * `JACROW_DEBUG=ir,plan,loops`: prints what a function becomes, to the console's error stream, whenever one is compiled.
 * Without the variable nothing happens. Node's entry points provide it, pages do not carry it.
 */

import { printPlan } from "../autodiff/index.ts";
import { print } from "../ir/print.ts";
import { printLowered } from "../lower/index.ts";
import { loweredOf } from "../runtime/prepare.ts";
import { registerDebug } from "./debug.ts";
import type { Planned } from "./plan.ts";

/** Makes the printing known. */
export function provideDebugPrint(): void {
  registerDebug(tell);
}

function tell(name: string, { program, report }: Planned): void {
  const asked = process.env["JACROW_DEBUG"]?.split(",") ?? [];
  const show = (stage: string, text: () => string): void => {
    if (asked.includes(stage)) console.error(`${name}, ${stage}\n${text()}\n`);
  };
  show("ir", () => print(program));
  if (report !== undefined) show("plan", () => printPlan(report, { all: true }));
  show("loops", () => printLowered(loweredOf(program, "f64")));
}
