/**
 * Keeps the reviewed snapshot of the public API.
 *
 * In: the declarations in `dist/`. Out: `api/jacrow.api.md`, rewritten with `--write`, else compared.
 * Always: the snapshot depends on the declarations alone, so a change in it is a change for users.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { declarationsOf } from "./lib/declarations.ts";
import { type Entry, entries } from "./lib/entries.ts";
import { readText, root } from "./lib/files.ts";
import { report } from "./lib/report.ts";
import { run } from "./lib/run.ts";

const snapshot = "api/jacrow.api.md";
const fence = "```";

function section({ specifier, types }: Entry): string {
  const texts = declarationsOf(types).flatMap((declaration) => declaration.texts);
  return `## ${specifier}\n\n${fence}ts\n${texts.join("\n\n")}\n${fence}\n`;
}

function render(): string {
  const head =
    "# The public API\n\nWritten by `npm run api` from the built declarations. Review every change here.\n";
  return [head, ...entries().map(section)].join("\n");
}

/** The lines that one text has and the other has not, as a short list. */
function differences(before: string, after: string): string[] {
  const [old, fresh] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `- ${line}`);
  const come = [...fresh].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  const changes = [...gone, ...come];
  return changes.length === 0 && before !== after ? ["the order of declarations changed"] : changes;
}

const write = process.argv.includes("--write");
if (write) await run(["tsx", "scripts/build.ts"], { loud: true });
const now = render();
if (write) {
  mkdirSync(join(root, "api"), { recursive: true });
  writeFileSync(join(root, snapshot), now);
}
const before = existsSync(join(root, snapshot)) ? readText(snapshot) : "";
report({
  checker: "api",
  summary: `${snapshot} shows what ${entries()
    .map(({ specifier }) => specifier)
    .join(", ")} export`,
  findings: differences(before, now),
  fix: "if the change is meant, run `npm run api` and commit the snapshot",
});
