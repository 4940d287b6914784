/** Imported before `helpers.ts` by tests of compiling itself: kernels that other runs compiled are not known to them. */

delete process.env["JACROW_TEST_CACHE"];
