/**
 * Starts a worker where this runtime has any: `worker_threads` on Node, `Worker` from a blob in browsers.
 *
 * Node's module is asked for at run time, so nothing here imports it and pages never meet it.
 */

import { workerSource } from "./source.ts";

/** What the pool needs of a worker. */
export interface WorkerHandle {
  post(message: unknown): void;
  /** Keeps the process alive while there is work (Node); nothing in browsers. */
  hold(): void;
  release(): void;
}

/** How a worker answers. */
export interface WorkerEvents {
  readonly message: (data: unknown) => void;
  readonly failure: (error: unknown) => void;
}

/** The part of Node's worker that is used. */
interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: string, listener: (data: unknown) => void): void;
  ref(): void;
  unref(): void;
}

interface NodeThreads {
  readonly Worker: new (source: string, options: object) => NodeWorker;
}

interface Host {
  readonly process?: { getBuiltinModule?(name: string): unknown };
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

/** Threads used unless more are asked for: each worker takes about 8 MB, and long calls share well among few. */
const MOST_THREADS = 6;

/** Threads by default: all cores this process may use, at most 6; 1 where the runtime does not tell. */
export function usualThreads(): number {
  const { process, navigator } = globalThis as Host;
  const os = process?.getBuiltinModule?.("node:os") as { availableParallelism(): number } | undefined;
  return Math.min(MOST_THREADS, os?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1);
}

/** A new worker, or undefined where there are none. */
export function startWorker(events: WorkerEvents): WorkerHandle | undefined {
  const threads = (globalThis as Host).process?.getBuiltinModule?.("node:worker_threads") as
    | NodeThreads
    | undefined;
  if (threads !== undefined) return startOnNode(threads, events);
  return typeof Worker === "function" && typeof Blob === "function" ? startInBrowser(events) : undefined;
}

function startOnNode(threads: NodeThreads, { message, failure }: WorkerEvents): WorkerHandle {
  const worker = new threads.Worker(workerSource, { eval: true, execArgv: [], name: "jacrow" });
  worker.on("message", message);
  worker.on("error", failure);
  worker.unref();
  return {
    post: (data) => worker.postMessage(data),
    hold: () => worker.ref(),
    release: () => worker.unref(),
  };
}

function startInBrowser({ message, failure }: WorkerEvents): WorkerHandle | undefined {
  try {
    const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
    const worker = new Worker(url, { name: "jacrow" });
    worker.onmessage = (event) => message(event.data);
    worker.onerror = (event) => failure(event.message);
    return { post: (data) => worker.postMessage(data), hold: () => {}, release: () => {} };
  } catch {
    return undefined; // a policy that forbids blob workers: one thread then
  }
}

/** Lets waiting messages be delivered. */
export function messagesDelivered(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;
  return new Promise((resolve) => {
    if (immediate !== undefined) return void immediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
