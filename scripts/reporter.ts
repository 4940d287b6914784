/**
 * The reporter of the test suite: vitest's own, with one more line.
 *
 * In: the events of a vitest run. Out: the reason of every skipped test, and last `N passed, N failed, N skipped`.
 * Always: a file that cannot be loaded and an error outside any test count as failures.
 */
import { writeFileSync } from "node:fs";
import type { SerializedError, TestCase, TestModule } from "vitest/node";
import { DefaultReporter } from "vitest/node";
import { type Counts, countsLine } from "./lib/counts.ts";

/** Prints the counts as the last line, and writes them to the file named by `JACROW_TEST_COUNTS`. */
export default class CountingReporter extends DefaultReporter {
  constructor() {
    super({ summary: false });
  }

  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: "passed" | "failed" | "interrupted",
  ): void {
    super.onTestRunEnd(modules, errors, reason);
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    for (const one of cases.filter((test) => stateOf(test) === "skipped")) this.log(skipLine(one));
    const unloadable = modules.filter((module) => module.errors().length > 0).length;
    const count = (state: string): number => cases.filter((test) => stateOf(test) === state).length;
    const counts: Counts = {
      passed: count("passed"),
      failed: count("failed") + unloadable + errors.length,
      skipped: count("skipped"),
    };
    const file = process.env["JACROW_TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    this.log(countsLine(counts));
  }
}

/** A test that never ran (the run was cut off) has failed. */
function stateOf(test: TestCase): string {
  const { state } = test.result();
  return state === "pending" ? "failed" : state;
}

function skipLine(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return `skipped: ${test.module.relativeModuleId} > ${test.fullName} (${note ?? "no reason given"})`;
}
