/** A page's script: does the work on the main thread and in a worker, and reports both to the server. */

import { type Failure, type Work, work } from "./work.ts";

/** Runs the work in a worker of its own. */
function inWorker(): Promise<Work | Failure> {
  return new Promise((resolve) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Work | Failure>) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: { name: "worker", code: "", message } });
  });
}

const main = await work("/model.onnx", { threads: 2 });
const interpreted = await work("/model.onnx", { device: "interpreter" });
const body = JSON.stringify({ main, interpreted, worker: await inWorker() });
await fetch(`/report${location.pathname}`, { method: "POST", body });
