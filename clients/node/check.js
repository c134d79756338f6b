// Compare a model with vectors that the Python package wrote, and measure:
//   node check.js my-model my-model/goldens.json [--long]
// With --long, also encode 100,000 texts: memory must not grow.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { StaticModel } from "m2v-onnx";

const LARGEST_DIFFERENCE = 1e-5;
const LONG_TEXTS = 100_000;
const LARGEST_GROWTH_BYTES = 64e6;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { long: { type: "boolean" } } });
const [folder, vectorsFile] = positionals;
/** @type {{ texts: string[], vectors: number[][] }} */
const { texts, vectors } = JSON.parse(await readFile(vectorsFile, "utf8"));
const model = await StaticModel.load(folder);

const difference = largestDifference(await model.encode(texts), vectors);
console.log(
  JSON.stringify({
    client: "node",
    texts: texts.length,
    largest_difference: difference,
    texts_per_second: Math.round(await encodeMany(2_000)),
  }),
);
if (difference > LARGEST_DIFFERENCE) fail(`vectors differ by up to ${difference}`);
if (values.long) {
  const before = process.memoryUsage.rss();
  await encodeMany(LONG_TEXTS);
  const growth = process.memoryUsage.rss() - before;
  console.error(`${LONG_TEXTS} texts, ${(growth / 1e6).toFixed(1)} MB more memory`);
  if (growth > LARGEST_GROWTH_BYTES) fail("memory grows");
}
await model.dispose();

/**
 * @param {Float32Array[]} found
 * @param {number[][]} expected
 */
function largestDifference(found, expected) {
  let largest = 0;
  found.forEach((row, index) => {
    row.forEach((value, place) => (largest = Math.max(largest, Math.abs(value - expected[index][place]))));
  });
  return largest;
}

/**
 * Encode the texts over and over.
 *
 * @param {number} count of texts, at least.
 * @returns {Promise<number>} texts a second.
 */
async function encodeMany(count) {
  const start = performance.now();
  let done = 0;
  for (; done < count; done += texts.length) await model.encode(texts);
  return (done / (performance.now() - start)) * 1000;
}

/** @param {string} reason */
function fail(reason) {
  console.error(`check failed: ${reason}`);
  process.exitCode = 1;
}
