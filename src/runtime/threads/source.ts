/**
 * What a worker thread runs, as text: it needs no file of its own, so it works from any bundle.
 *
 * Messages in: { load, module, memory }, { run, arguments, job }, { drop }, keyed by the kernel's number. Messages out:
 * { loaded } and { done: job }, each with `error` if it failed.
 */

/** The script. `host` is the port on Node and the worker's global scope in browsers. */
export const workerSource: string = `
"use strict";
const kernels = new Map();
const receive = (message) => {
  const reply = {};
  try {
    if (message.load !== undefined) {
      reply.loaded = message.load;
      const instance = new WebAssembly.Instance(message.module, { host: { memory: message.memory } });
      kernels.set(message.load, instance.exports.run);
    } else if (message.run !== undefined) {
      reply.done = message.job;
      kernels.get(message.run)(...message.arguments);
    } else {
      kernels.delete(message.drop);
      return;
    }
  } catch (error) {
    reply.error = String(error);
  }
  host.postMessage(reply);
};
const host = typeof require === "function" ? require("node:worker_threads").parentPort : self;
if (host === globalThis) host.onmessage = (event) => receive(event.data);
else host.on("message", receive);
`;
