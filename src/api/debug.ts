/**
 * `JACROW_DEBUG=ir,plan,loops`: prints what a function becomes, to the console's error stream, whenever one is compiled.
 * Without the variable, and in browsers without one, nothing happens.
 */

import { printPlan } from "../autodiff/index.ts";
import { print } from "../ir/print.ts";
import { lower, printLowered } from "../lower/index.ts";
import { prepared } from "../runtime/prepare.ts";
import type { Planned } from "./plan.ts";

interface Host {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
}

/** Prints the stages that the variable names. */
export function debug(name: string, { program, report }: Planned): void {
  const asked = (globalThis as Host).process?.env?.["JACROW_DEBUG"]?.split(",") ?? [];
  const show = (stage: string, text: () => string): void => {
    if (asked.includes(stage)) console.error(`${name}, ${stage}\n${text()}\n`);
  };
  show("ir", () => print(program));
  if (report !== undefined) show("plan", () => printPlan(report, { all: true }));
  show("loops", () => printLowered(lower(prepared(program), { dtype: "f64" })));
}
