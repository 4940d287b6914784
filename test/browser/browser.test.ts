/**
 * The library in a real browser: with and without cross-origin isolation, under a Content-Security-Policy, on the main thread
 * and in a worker. Every result is compared with the interpreter's in this process.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readText } from "../../scripts/lib/files.ts";
import { startServer, type TestServer } from "./server.ts";
import { type Failure, type Work, work } from "./work.ts";

const executablePath = process.env["JACROW_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const PAGES = {
  isolated: ISOLATED,
  plain: {},
  strict: { "content-security-policy": "default-src 'self'; script-src 'self'" },
  /** Isolated, but workers from blobs, which the thread pool starts, are forbidden. */
  blobless: {
    ...ISOLATED,
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
  },
  allowed: { "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" },
};

interface Report {
  readonly main: Work | Failure;
  readonly worker: Work | Failure;
  readonly interpreted: Work | Failure;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const modelBytes = readFileSync(here("../fixtures/onnx/mlp_tanh/model.onnx"));

/** A script of this folder as a page's bundler would make it. */
async function bundled(name: string): Promise<{ type: string; bytes: Uint8Array }> {
  const { outputFiles } = await build({
    entryPoints: [here(name)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
  });
  return { type: "text/javascript", bytes: outputFiles[0]?.contents ?? new Uint8Array() };
}

async function serve(): Promise<TestServer> {
  const [page, worker] = await Promise.all([bundled("page.ts"), bundled("worker.ts")]);
  const model = { type: "application/octet-stream", bytes: modelBytes };
  return startServer({ "/page.js": page, "/worker.js": worker, "/model.onnx": model }, PAGES);
}

/** The built package, and a page that finds it by the README's import map. */
async function unbundled(): Promise<Record<string, { type: string; bytes: string | Uint8Array }>> {
  const [map = ""] = /<script type="importmap">.*<\/script>/.exec(readText("README.md")) ?? [];
  const { outputFiles } = await build({
    entryPoints: ["index", "onnx"].map((name) => here(`../../src/${name}.ts`)),
    bundle: true,
    splitting: true,
    write: false,
    format: "esm",
    outdir: "/dist",
  });
  const scripts = outputFiles.map(
    ({ path, contents }) => [path, { type: "text/javascript", bytes: contents }] as const,
  );
  const bytes = `<!doctype html>${map}<script type="module">
    import { jacrow } from "jacrow";
    import { loadOnnx } from "jacrow/onnx";
    const { shape } = await jacrow(await loadOnnx("/model.onnx"))([[0.1, 0.2, 0.3]]);
    await fetch("/report/mapped", { method: "POST", body: JSON.stringify(shape) });
  </script>`;
  return { ...Object.fromEntries(scripts), "/mapped.html": { type: "text/html", bytes } };
}

/** The shape of Z on that page. */
async function visitUnbundled(browser: Browser): Promise<unknown> {
  const files = { ...(await unbundled()), "/model.onnx": { type: "", bytes: modelBytes } };
  const [{ address, report, close }, page] = await Promise.all([startServer(files, {}), browser.newPage()]);
  const shape = report("mapped");
  const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
  await page.goto(`${address}/mapped.html`);
  const result = await Promise.race([shape, failed]);
  await page.close();
  close();
  return result;
}

function largestGap(a: readonly number[], b: readonly number[]): number {
  return a.length === b.length
    ? Math.max(...a.map((value, index) => Math.abs(value - (b[index] as number))))
    : Number.NaN;
}

if (!existsSync(executablePath)) {
  it("the library in Chromium", (context) =>
    context.skip(`there is no ${executablePath}; JACROW_CHROMIUM may name one`));
} else describe("the library in Chromium", checkBrowser);

function checkBrowser(): void {
  let server: TestServer;
  let browser: Browser;
  let reference: Work;

  beforeAll(async () => {
    [server, browser] = await Promise.all([serve(), chromium.launch({ executablePath, args: FLAGS })]);
    reference = (await work(modelBytes, { device: "interpreter" })) as Work;
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** What the page of this name reports. */
  async function visit(name: keyof typeof PAGES): Promise<Report> {
    const report = server.report(name);
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
    await page.goto(`${server.address}/${name}`);
    const result = (await Promise.race([report, failed])) as Report;
    await page.close();
    return result;
  }

  function expectRight(found: Work | Failure): asserts found is Work {
    expect(found).not.toHaveProperty("error");
    const { arm, net } = found as Work;
    expect(largestGap(arm, reference.arm)).toBeLessThan(1e-14);
    expect(largestGap(net, reference.net)).toBeLessThan(1e-5);
  }

  it.each(["isolated", "blobless", "plain", "allowed"] as const)(
    "page %s: main thread and worker are right",
    async (name) => {
      const { main, worker } = await visit(name);
      const isIsolated = name === "isolated" || name === "blobless";
      for (const found of [main, worker]) {
        expectRight(found);
        expect(found.device).toBe("wasm");
        expect(found.isolated).toBe(isIsolated);
        if (name !== "blobless") expect(found.threads).toBe(isIsolated ? 2 : 1);
      }
    },
  );

  it("the import map of the README", async () => expect(await visitUnbundled(browser)).toEqual([1, 5, 3]));

  it("a policy that forbids WebAssembly: a clear error with the fix, and the interpreter still works", async () => {
    const { main, worker, interpreted } = await visit("strict");
    for (const found of [main, worker]) {
      const { error } = found as Failure;
      expect(error.name).toBe("UsageError");
      expect(error.code).toMatch(/^JR\d{3}$/);
      expect(error.message).toContain("Content-Security-Policy");
      expect(error.message).toContain("'wasm-unsafe-eval'");
    }
    expectRight(interpreted);
  });
}
