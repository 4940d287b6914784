#!/usr/bin/env node
/** The `jacrow` command: its words in, its exit code out. Node 22.8 and newer keep what they compiled of it for the next time. */

import * as nodeModule from "node:module";
import { processTerminal } from "./terminal.ts";

(nodeModule as { readonly enableCompileCache?: () => void }).enableCompileCache?.();
const { run } = await import("./run.ts");

process.exitCode = await run(process.argv.slice(2), processTerminal());
