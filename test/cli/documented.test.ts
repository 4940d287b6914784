/** The commands of the README and of every help page: with files of those names they run and end well. */

import { execFile } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { readText } from "../../scripts/lib/files.ts";
import { commands } from "../../src/cli/run.ts";
import { writeNpz } from "../../src/data/npz.ts";
import { readNpyFile } from "../../src/data/read-file.ts";
import { writeNpyFile } from "../../src/data/write-file.ts";
import { codeBlocks } from "../house/markdown.ts";
import { fixture, newFolder } from "./helpers.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

/** The files that the pages speak of. */
function prepare(): void {
  const digits = (name: string): string =>
    fileURLToPath(new URL(`../../examples/digits/data/${name}`, import.meta.url));
  const { data } = readNpyFile(digits("X.npy"));
  const rows = { data: Float32Array.from((data as Float32Array).subarray(0, 20 * 64)), shape: [20, 64] };
  const at = (name: string): string => join(folder, name);
  cpSync(digits("softplus.onnx"), at("net.onnx"));
  cpSync(digits("relu.onnx"), at("relu.onnx"));
  cpSync(fixture("dynamics_two_inputs/model.onnx"), at("dynamics.onnx"));
  for (const name of ["x", "u"]) cpSync(fixture(`dynamics_two_inputs/X_${name}.npy`), at(`${name}.npy`));
  writeNpyFile(at("rows.npy"), rows);
  writeNpyFile(at("angles.npy"), { data: Float64Array.of(0.1, 0.2, 0.3, 0.4), shape: [2, 2] });
  writeFileSync(
    at("data.npz"),
    writeNpz(
      new Map([
        ["train", rows],
        ["test", rows],
      ]),
    ),
  );
  writeFileSync(
    at("arm.js"),
    `import { cos, sin, stack } from "jacrow";
export const arm = ([a, b]) => stack([cos(a).add(cos(a.add(b))), sin(a).add(sin(a.add(b)))]);`,
  );
}

/** The lines that begin with `jacrow`, without their comments and what their output is piped into. */
function documented(): string[] {
  const blocks = codeBlocks(readText("README.md")).filter(({ language }) => language === "sh");
  const lines = [
    ...blocks.flatMap(({ code }) => code.split("\n")),
    ...commands.flatMap(({ examples }) => examples.map(({ line }) => line)),
  ];
  const own = lines.filter((line) => line.startsWith("jacrow "));
  return [...new Set(own.map((line) => line.replace(/ +[#|] .*$/, "")))];
}

/** Runs all lines one after the other in a process of its own; what a line made is gone before the next. */
async function runAll(lines: readonly string[]): Promise<Record<string, [code: number, err: string]>> {
  const script = `
    import { readdirSync, rmSync, writeFileSync } from "node:fs";
    import { run } from ${JSON.stringify(new URL("../../src/cli/run.ts", import.meta.url).href)};
    const given = readdirSync(".");
    const outcomes = {};
    for (const line of ${JSON.stringify(lines)}) {
      let err = "";
      const terminal = { out() {}, err: (text) => (err += text), isLive: false, columns: 80, debug: "" };
      outcomes[line] = [await run(line.split(/ +/).slice(1), terminal), err];
      for (const name of readdirSync(".")) if (!given.includes(name)) rmSync(name, { recursive: true });
    }
    writeFileSync("outcomes.json", JSON.stringify(outcomes));`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  await promisify(execFile)(process.execPath, args, { cwd: folder, encoding: "buffer", maxBuffer: 1e8 });
  return JSON.parse(readFileSync(join(folder, "outcomes.json"), "utf8"));
}

it("run and end well", async () => {
  prepare();
  const lines = documented();
  expect(lines.length).toBeGreaterThan(20);
  const outcomes = await runAll(lines);
  const failed = Object.entries(outcomes).filter(([, [code]]) => code !== 0);
  expect(failed).toEqual([]);
  expect(readdirSync(folder)).toContain("net.onnx");
});
