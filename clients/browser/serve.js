// Serve the page to a browser on this machine: node serve.js [folder]

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
};

/**
 * Serve files to this machine.
 *
 * @param {string[]} folders where to look for a file; the first that has it wins.
 * @param {number} [port] a free one, unless given.
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve(folders, port = 0) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost"); // without any ".."
    const name = pathname === "/" ? "index.html" : pathname;
    const contents = await Promise.all(folders.map((folder) => readFile(join(folder, name)).catch(() => null)));
    const content = contents.find((found) => found !== null);
    if (content === undefined) response.writeHead(404).end(`There is no ${name}.`);
    else response.setHeader("Content-Type", TYPES[extname(name)] ?? "application/octet-stream").end(content);
  });
  await new Promise((resolve) => server.listen(port, "localhost", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://localhost:${server.address().port}/`, close };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? fileURLToPath(new URL("dist/", import.meta.url));
  const { url } = await serve([folder], 8000);
  console.log(`The page is at ${url}`);
}
