import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { assertClose, FOLDER, readGoldens } from "./goldens.js";

const { texts, vectors } = await readGoldens();

/**
 * @param {string} name of a program beside this folder.
 * @param {string[]} options
 */
async function run(name, ...options) {
  const program = fileURLToPath(new URL(`../${name}`, import.meta.url));
  return (await promisify(execFile)(process.execPath, [program, ...options])).stdout;
}

test("eight workers at once give the same vectors", async () => {
  const url = new URL("../examples/encode-worker.js", import.meta.url);
  const workers = Array.from({ length: 8 }, () => new Worker(url, { workerData: { folder: FOLDER, texts } }));
  for (const [result] of await Promise.all(workers.map((worker) => once(worker, "message")))) {
    assertClose(result, vectors);
  }
});

test("rank puts the best document first", async () => {
  assert.match(await run("examples/rank.js", FOLDER, "baking a cake"), /^0\.\d+ Whisk the eggs/);
});

test("workers encode a file", async () => {
  const lines = /^\d+ vectors of \d+ numbers/;
  assert.match(await run("examples/workers.js", FOLDER, fileURLToPath(import.meta.url)), lines);
});

test("ids and a JavaScript tokenizer give the same vector", async () => {
  for (const index of [2, 5, 6, 26]) {
    assertClose([JSON.parse(await run("examples/ids.js", FOLDER, texts[index]))], [vectors[index]]);
  }
});

test("check prints one line of JSON", async () => {
  const report = JSON.parse(await run("check.js", FOLDER, `${FOLDER}/goldens.json`));
  assert.equal(report.client, "node");
  assert.equal(report.texts, texts.length);
  assert.ok(report.largest_difference <= 1e-5);
});
