import { defineConfig, type ViteUserConfig } from "vitest/config";

const chosen = process.env["JACROW_TEST_DEVICE"] !== undefined;
/** About one device by name, or about none. */
const elsewhere = ["browser", "data", "devices", "examples", "export", "house", "math", "native", "wasm"];

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: chosen ? elsewhere.map((area) => `test/${area}/**`) : [],
    setupFiles: chosen ? ["test/devices/setup.ts"] : [],
    // Vitest leaves a core to itself by default, which on two cores is half of the machine.
    maxWorkers: "100%",
    reporters: ["./scripts/reporter.ts"],
    // Ends what hangs. Tests take a second or two; those that wait for a compiler's process took 36 s on a machine with ten times its work.
    testTimeout: chosen ? 900_000 : 120_000,
    hookTimeout: 120_000,
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary", "html"] },
  },
});

export default config;
