/**
 * Runs a program of `node_modules/.bin` or a script of this folder.
 *
 * In: a command line as words. Out: its output, its exit code and the seconds it took.
 * Always: the child runs on the Node that runs this process, in the root of the repository.
 */
import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { root } from "./files.ts";

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

/** The settings of `run` that seldom change. */
export interface RunOptions {
  /** Pass the child's output straight on instead of collecting it. */
  readonly loud?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `words` and waits; never throws for a command that fails. */
export function run(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [command = "", ...args] = words;
  const started = performance.now();
  const path = [dirname(process.execPath), `${root}node_modules/.bin`, process.env["PATH"]].join(delimiter);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, PATH: path, ...options.env },
      stdio: ["ignore", options.loud ? "inherit" : "pipe", options.loud ? "inherit" : "pipe"],
      shell: process.platform === "win32",
    });
    let output = "";
    const finish = (code: number): void =>
      resolve({ code, output, seconds: (performance.now() - started) / 1000 });
    child.stdout?.on("data", (bytes) => (output += String(bytes)));
    child.stderr?.on("data", (bytes) => (output += String(bytes)));
    child.on("error", (error) => {
      output += error.message;
      finish(127);
    });
    child.on("close", (code) => finish(code ?? 1));
  });
}
