/**
 * One way for every checker to speak.
 *
 * In: the findings of one checker. Out: a line per finding on standard output, a summary line, and the exit code.
 * Always: each finding names its place, and the summary of a failure says what to do about it.
 */

/** What a checker found; no findings means that all is well. */
export interface Verdict {
  readonly checker: string;
  /** What holds when there is nothing to report. */
  readonly summary: string;
  readonly findings: readonly string[];
  /** What to do about the findings. */
  readonly fix: string;
}

const shown = 40;

/** Prints the verdict and sets the exit code of the process. */
export function report({ checker, summary, findings, fix }: Verdict): void {
  if (findings.length === 0) {
    console.log(`${checker}: ok, ${summary}`);
    return;
  }
  for (const finding of findings.slice(0, shown)) console.log(`  ${finding}`);
  if (findings.length > shown) console.log(`  … and ${findings.length - shown} more`);
  console.log(`${checker}: ${findings.length} to mend (${summary}). Fix: ${fix}`);
  process.exitCode = 1;
}
