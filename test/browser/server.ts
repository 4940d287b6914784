/**
 * A small server of test pages, one per set of headers.
 *
 * In: files by path, headers by page. Out: its address, and a promise of what a page reports. Always: only what is listed is
 * served, on the loopback address alone.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A file as it is served. */
export interface ServedFile {
  readonly type: string;
  readonly bytes: Uint8Array | string;
}

/** The running server. */
export interface TestServer {
  readonly address: string;
  /** What the page of this name posts. */
  report(page: string): Promise<unknown>;
  close(): void;
}

const HTML = '<!doctype html><title>jacrow</title><script type="module" src="/page.js"></script>';

/** Starts serving. The headers of a page also go with the worker it starts. */
export async function startServer(
  files: Readonly<Record<string, ServedFile>>,
  pages: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<TestServer> {
  const waiting = new Map<string, (report: unknown) => void>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const reported = /^\/report\/(\w+)$/.exec(path)?.[1];
    if (reported !== undefined) {
      waiting.get(reported)?.(JSON.parse(await text(request)));
      response.end();
      return;
    }
    const page = pages[path.slice(1)];
    const file: ServedFile | undefined =
      page === undefined ? files[path] : { type: "text/html", bytes: HTML };
    const from = new URL(request.headers.referer ?? "http://localhost/").pathname.slice(1);
    const headers = page ?? (path === "/worker.js" ? pages[from] : undefined);
    response.writeHead(file === undefined ? 404 : 200, {
      ...headers,
      "content-type": file?.type ?? "text/plain",
    });
    response.end(file?.bytes);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    report: (page) => new Promise((resolve) => waiting.set(page, resolve)),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
