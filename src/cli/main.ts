#!/usr/bin/env node
/** The `jacrow` command: its words in, its exit code out. */

import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await run(process.argv.slice(2), processTerminal());
