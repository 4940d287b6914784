import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["./scripts/reporter.ts"],
    // Ends what hangs. Tests take a second or two; those that wait for a compiler's process took 36 s on a machine with ten times its work.
    testTimeout: 120_000,
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary", "html"] },
  },
});

export default config;
