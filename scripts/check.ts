/**
 * `npm run check`: every static check of the project, in one go.
 *
 * In: words that pick checks by name (none: all). Out: the output of those that fail, and one line per check.
 * Always: a failing check never hides a later one; the exit code is 0 only when all are well.
 */
import { run } from "./lib/run.ts";

/** A command that must end well. */
interface Check {
  readonly name: string;
  readonly command: readonly string[];
  /** What to do when it fails; the scripts of this folder say so themselves. */
  readonly fix?: string;
}

/** Checks of the sources; they may run side by side. */
const sourceChecks: readonly Check[] = [
  { name: "biome", command: ["biome", "check", "--error-on-warnings", "."], fix: "npm run format" },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"], fix: "see the messages of tsc" },
  { name: "oxlint", command: ["oxlint", "--type-aware", "--deny-warnings"], fix: "see the rule's help line" },
  { name: "imports", command: ["tsx", "scripts/imports.ts"] },
  { name: "budgets", command: ["tsx", "scripts/budgets.ts"] },
  { name: "lock", command: ["tsx", "scripts/lock.ts"] },
  { name: "style", command: ["tsx", "scripts/style.ts"] },
  { name: "knip", command: ["knip", "--no-progress"], fix: "delete what is unused, or stop exporting it" },
];

/** Steps that make what users get, in this order. */
const buildSteps: readonly Check[] = [
  { name: "build", command: ["tsx", "scripts/build.ts"], fix: "see the messages of tsc" },
  { name: "pack", command: ["tsx", "scripts/pack.ts"], fix: "see the messages of npm pack" },
];

/** Checks of what users get. */
const distChecks: readonly Check[] = [
  {
    name: "publint",
    command: ["publint", ".cache/jacrow.tgz", "--strict"],
    fix: "see the messages of publint",
  },
  {
    name: "attw",
    command: ["attw", ".cache/jacrow.tgz", "--profile", "esm-only", "--no-emoji", "--format", "ascii"],
    fix: "make `exports` and the declarations agree",
  },
  { name: "package", command: ["tsx", "scripts/package.ts"] },
  { name: "bundle", command: ["tsx", "scripts/bundle.ts"] },
  { name: "api", command: ["tsx", "scripts/api.ts"] },
];

/** Runs one check and prints its line; true when all is well. */
async function perform({ name, command, fix }: Check): Promise<boolean> {
  const { code, output, seconds } = await run(command);
  const time = `${seconds.toFixed(1)} s`;
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const own = last.startsWith(`${name}: `);
  if (code === 0) console.log(own ? `${last} (${time})` : `${name}: ok (${time})`);
  else
    console.log(
      `${output.trimEnd()}\n${own ? "" : `${name}: failed (${time}). Fix: ${fix ?? "see above"}\n`}`,
    );
  return code === 0;
}

/** Two checks at a time: more only wait for the same processor. */
async function performAll(checks: readonly Check[]): Promise<number> {
  const waiting = [...checks];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (!(await perform(next))) failed++;
    }
  };
  await Promise.all([worker(), worker()]);
  return failed;
}

/** Makes and checks the package; a package that cannot be made is one failure, and its checks do not run. */
async function performPackage(checks: readonly Check[]): Promise<number> {
  if (checks.length === 0) return 0;
  for (const step of buildSteps) {
    if (await perform(step)) continue;
    console.log(`${checks.map(({ name }) => name).join(", ")}: not run, because ${step.name} failed`);
    return 1;
  }
  return performAll(checks);
}

async function main(wanted: readonly string[]): Promise<void> {
  const pick = (checks: readonly Check[]): Check[] =>
    checks.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const started = performance.now();
  const failed = (await performAll(pick(sourceChecks))) + (await performPackage(pick(distChecks)));
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`check: ${failed === 0 ? "all is well" : `${failed} checks failed`} (${seconds} s)`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
