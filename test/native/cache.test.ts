/** The cache of compiled kernels and the search for a compiler: private, whole, safe among processes, clear when it fails. */

import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { reasonOf } from "../../src/runtime/native/build.ts";
import { addonPath } from "../../src/runtime/native/library.ts";
import { describeNative } from "./helpers.ts";

const root = mkdtempSync(join(tmpdir(), "jacrow-cache-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const script = `
  import { buildLibrarySync } from "./src/runtime/native/build.ts";
  import { findCompiler } from "./src/runtime/native/compiler.ts";
  import { loadLibrary } from "./src/runtime/native/library.ts";
  const source = "void jr_run(void *job) { *(long *)job += 1; } void jr_share(void *j) {} void jr_help(void *j) {}"
    .replaceAll("void jr", '__attribute__((visibility("default"))) void jr');
  try {
    const path = buildLibrarySync(source, findCompiler());
    loadLibrary(path);
    console.log(path);
  } catch (error) {
    console.log(error.message);
  }
`;

/** Builds one small library in a process of its own; gives its path or the error. */
async function build(cache: string, env: Record<string, string> = {}): Promise<string> {
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const options = { env: { ...process.env, JACROW_CACHE: cache, ...env } };
  return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
}

function fresh(name: string): string {
  return join(root, name);
}

const entries = (cache: string): string[] => readdirSync(cache).filter((name) => !name.startsWith("probe-"));

describeNative("the cache", () => {
  test("processes that race agree, and leave one whole entry in a private folder", async () => {
    const cache = fresh("race");
    const paths = new Set(await Promise.all([build(cache), build(cache), build(cache)]));
    expect([...paths]).toEqual([expect.stringMatching(/race\/[0-9a-f]{40}\/kernel\.so$/)]);
    expect(statSync(cache).mode & 0o777).toBe(0o700);
    expect(entries(cache)).toHaveLength(1);
    const [path = ""] = paths;
    const built = statSync(path).mtimeMs;
    expect(await build(cache)).toBe(path);
    expect(statSync(path).mtimeMs).toBe(built);
    writeFileSync(path, "no library");
    expect(await build(cache)).toBe(path);
    expect(statSync(path).size).toBeGreaterThan(1000);
    expect(entries(cache)).toHaveLength(1);
  }, 60_000);

  test("a folder open to others is closed, a link is not followed", async () => {
    const open = fresh("open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    await build(open);
    expect(statSync(open).mode & 0o777).toBe(0o700);
    const link = fresh("link");
    symlinkSync(open, link);
    const path = await build(link);
    expect(path).toMatch(/kernel\.so$/);
    expect(path.startsWith(root)).toBe(false);
    expect(existsSync(path), "a private folder goes with its process").toBe(false);
  }, 60_000);

  test("without a compiler the error says what to install", async () => {
    expect(await build(fresh("none"), { PATH: "/nonexistent", CC: "" })).toMatch(/JR881.*apt install gcc/);
  });

  test("a compiler that is killed or takes too long is said to be, in both ways of running it", async () => {
    const fake = fresh("dying-cc");
    writeFileSync(fake, '#!/bin/sh\ncase "$*" in *-dM*) exec cc "$@" ;; esac\nkill -SEGV $$\n', {
      mode: 0o755,
    });
    expect(await build(fresh("dying"), { CC: fake })).toMatch(
      /JR884.*dying-cc cannot compile here \(stopped by SIGSEGV\)/,
    );
    const seconds = promisify(execFile)("sleep", ["5"], { timeout: 10 });
    expect(reasonOf(await seconds.catch((error: object) => error))).toBe("stopped after 300 s");
    expect(reasonOf({ killed: false, signal: null, stderr: "a\nx.c:1: error: no\n" })).toBe(
      "x.c:1: error: no",
    );
  }, 60_000);

  test("names with spaces or shell signs are files, not commands", async () => {
    const marker = fresh("marker");
    const text = await build(fresh("shell"), { CC: `cc; touch ${marker}`, PATH: "/nonexistent" });
    expect(text).toMatch(/JR881/);
    expect(existsSync(marker)).toBe(false);
  });
});

test("koffi's addon is found beside koffi, in a folder above, or left to require", () => {
  const modules = join(fresh("app"), "node_modules");
  const [folder, arch] = [join(modules, "jacrow", "dist"), process.arch];
  const addon = join(modules, "@koromix", `koffi-linux-${arch}`, `linux_${arch}`, "koffi.node");
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(modules, "koffi"));
  expect(addonPath(folder)).toBeUndefined();
  mkdirSync(dirname(addon), { recursive: true });
  writeFileSync(addon, "");
  const usesGlibc = readFileSync(process.execPath).subarray(0, 4096).includes("/ld-linux");
  expect(addonPath(folder)).toBe(usesGlibc ? addon : undefined);
  expect(addonPath("/")).toBeUndefined();
});
