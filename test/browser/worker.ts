/** A worker's script: does the work and posts the result to its page. */

import { work } from "./work.ts";

// Typed for pages, where postMessage wants an origin; in a worker it takes the message alone.
const post = (globalThis as unknown as { postMessage: (message: unknown) => void }).postMessage;
post(await work("/model.onnx", { threads: 2 }));
