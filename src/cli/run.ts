/**
 * From the words of a command line to an exit code.
 *
 * In: the words after `jacrow`. Out: the exit code; help and results on standard output, one message about an error on
 * standard error. Always: nothing is thrown, and partial files are removed when the command is interrupted.
 */

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { UsageError } from "../errors.ts";
import { nearest } from "../trace/nearest.ts";
import { check } from "./check.ts";
import { type Command, parseArguments } from "./command.ts";
import { EXIT, errorData, errorText, exitCodeOf } from "./exit.ts";
import { explain } from "./explain.ts";
import { exportCommand } from "./export.ts";
import { commandHelp, mainHelp } from "./help.ts";
import { inspect } from "./inspect.ts";
import { jacobian } from "./jacobian.ts";
import { jsonText } from "./json.ts";
import type { Terminal } from "./terminal.ts";

/** All commands, in the order of the help page. */
export const commands: readonly Command[] = [jacobian, check, explain, inspect, exportCommand];

/** Runs one command line. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const interrupt = (): void => {
    terminal.err("\njacrow: interrupted; nothing was written\n");
    process.exit(EXIT.interrupted);
  };
  process.once("SIGINT", interrupt);
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    if (argv.includes("--json")) terminal.out(jsonText({ error: errorData(error) }));
    terminal.err(errorText(error, terminal.debug));
    return exitCodeOf(error);
  } finally {
    process.off("SIGINT", interrupt);
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "--version" || name === "-V") return say(terminal, `${version()}\n`);
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    return say(terminal, mainHelp(commands));
  }
  if (name === undefined) {
    terminal.err(mainHelp(commands));
    return EXIT.usage;
  }
  const wanted = name === "help" ? rest[0] : name;
  const command = commands.find((one) => one.name === wanted);
  if (command === undefined) throw unknownCommand(wanted ?? "");
  if (name === "help" || asksForHelp(rest)) return say(terminal, commandHelp(command));
  enableRelaxedSimd();
  return command.run(parseArguments(command, rest), terminal);
}

function say(terminal: Terminal, text: string): number {
  terminal.out(text);
  return EXIT.ok;
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? words.length : end).some((word) => word === "--help" || word === "-h");
}

function unknownCommand(name: string): UsageError {
  const known = commands.map((command) => command.name);
  const guess = nearest(name, known);
  const isFile = /\.(onnx|npy|[cm]?[jt]s)(#|$)/.test(name);
  const advice = isFile
    ? `a command comes first: jacrow jacobian ${name} ROWS -o Z.npy`
    : guess === undefined
      ? `the commands are ${known.join(", ")}`
      : `did you mean ${guess}?`;
  return new UsageError("JR600", `there is no command ${name}; ${advice}`);
}

/** The version of the package this file belongs to. */
export function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}

/** Node 20 has fused multiply-add on lanes behind a flag of V8; the process is ours, so it may be set. */
function enableRelaxedSimd(): void {
  if (Number(process.versions.node.split(".")[0]) < 22)
    setFlagsFromString("--experimental-wasm-relaxed-simd");
}
