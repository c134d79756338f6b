// Encode a file on every core: node examples/workers.js my-model texts.txt
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

const [folder, file] = process.argv.slice(2);
const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
const share = Math.ceil(lines.length / availableParallelism());
const parts = [];
for (let first = 0; first < lines.length; first += share) {
  const texts = lines.slice(first, first + share);
  const worker = new Worker(new URL("encode-worker.js", import.meta.url), { workerData: { folder, texts } });
  parts.push(once(worker, "message"));
}
const vectors = (await Promise.all(parts)).flat(2);
console.log(`${vectors.length} vectors of ${vectors[0].length} numbers, by ${parts.length} workers`);
