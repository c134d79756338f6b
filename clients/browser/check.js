// Compare a model in Chromium with vectors that the Python package wrote, and measure:
//   node check.js my-classifier my-classifier/goldens.json [--long]
// With --long, also encode 100,000 texts: memory must not grow.

import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { openSite } from "./site.js";

const LARGEST_DIFFERENCE = 1e-5;
const LONG_TEXTS = 100_000;
const LARGEST_GROWTH_BYTES = 64e6;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { long: { type: "boolean" } } });
const [classifier, vectorsFile] = positionals;
const site = await openSite(classifier, dirname(vectorsFile));
try {
  await check();
} finally {
  await site.close();
}

async function check() {
  const page = await site.browser.newPage();
  await page.goto(`${site.url}sentences.txt`); // any file that runs nothing
  const call = (name, ...options) =>
    page.evaluate(
      async ([name, options]) => (await import("/compare.js"))[name](...options),
      [name, [basename(vectorsFile), ...options]],
    );

  const difference = await call("largestDifference");
  const report = {
    client: "browser",
    texts: (await call("readVectors")).texts.length,
    largest_difference: difference,
    texts_per_second: Math.round(await call("encodeMany", 2_000)),
  };
  console.log(JSON.stringify(report));
  if (!(difference <= LARGEST_DIFFERENCE)) fail(`vectors differ by up to ${difference}`);
  if (!values.long) return;
  const before = await rendererBytes();
  await call("encodeMany", LONG_TEXTS);
  const growth = (await rendererBytes()) - before;
  console.error(`${LONG_TEXTS} texts, ${(growth / 1e6).toFixed(1)} MB more memory`);
  if (growth > LARGEST_GROWTH_BYTES) fail("memory grows");
}

/** Memory of the browser's processes that run pages, as Linux counts it. */
async function rendererBytes() {
  const session = await site.browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const sizes = renderers.map(async ({ id }) => {
    const status = await readFile(`/proc/${id}/status`, "utf8");
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function fail(reason) {
  console.error(`check failed: ${reason}`);
  process.exitCode = 1;
}
