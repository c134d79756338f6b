import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as ort from "onnxruntime-node";
import { StaticModel } from "m2v-onnx";
import { assertClose, FOLDER, readGoldens } from "./goldens.js";

const GRAPH = join(FOLDER, "onnx", "model_codepoints.onnx");
const { texts, vectors } = await readGoldens();

describe("encode", () => {
  /** @type {StaticModel} */
  let model;
  before(async () => void (model = await StaticModel.load(FOLDER)));
  after(() => model.dispose());

  for (const [index, text] of texts.entries()) {
    test(`gives the vector that Python gives: ${JSON.stringify(text.slice(0, 30))}`, async () => {
      assertClose([await model.encode(text)], [vectors[index]]);
    });
  }

  test("gives many vectors in the order of their texts, whatever their length", async () => {
    const many = Array.from({ length: 5 }, () => texts).flat();
    assertClose(await model.encode(many), Array.from({ length: 5 }, () => vectors).flat());
  });

  test("gives vectors that do not share memory", async () => {
    const [first, second] = await model.encode(["one", "two"]);
    assert.equal(first.buffer.byteLength, 4 * model.dimensions);
    assert.notEqual(first.buffer, second.buffer);
  });

  test("gives nothing for nothing", async () => {
    assert.deepEqual(await model.encode([]), []);
  });

  test("does not see what happens to the array later", async () => {
    const given = ["one", "two"];
    const running = model.encode(given);
    given[1] = "three";
    assert.deepEqual(await running, await model.encode(["one", "two"]));
  });

  test("runs eight calls at once", async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => model.encode(texts)));
    for (const result of results) assertClose(result, vectors);
  });

  test("keeps no memory", async () => {
    await encodeShort(10_000);
    const before = process.memoryUsage.rss();
    await encodeShort(50_000); // their vectors alone are 51 MB in 256 dimensions
    const growth = process.memoryUsage.rss() - before;
    assert.ok(growth < 32e6, `${growth} bytes more`);

    /** @param {number} count */
    async function encodeShort(count) {
      const short = Array.from({ length: 500 }, (_, index) => `text ${index}`);
      for (let done = 0; done < count; done += short.length) await model.encode(short);
    }
  });

  const wrongValues = [null, undefined, 3, {}, new Set(["a"])];
  for (const value of wrongValues) {
    test(`refuses ${String(value)}`, async () => {
      const message = /^Expected a string( or an array of strings)?, found (null|undefined|number|object)/;
      // @ts-expect-error: what a program without types may pass
      await assert.rejects(model.encode(value), { name: "TypeError", message });
      // @ts-expect-error
      await assert.rejects(model.encode(["a", value]), { name: "TypeError", message: /\(text 1\)/ });
    });
  }

  test("refuses lone surrogates", async () => {
    const message = /lone surrogate at 4 \(text 1\).*toWellFormed/;
    await assert.rejects(model.encode(["fine 😀", "😀..\ud83d"]), { name: "TypeError", message });
    await assert.rejects(model.encode("\ude00"), { name: "TypeError", message: /at 0 \(text 0\)/ });
  });
});

describe("load", () => {
  /** @type {string} */
  let broken;
  before(async () => {
    broken = await mkdtemp(join(tmpdir(), "m2v-onnx-"));
    await mkdir(join(broken, "onnx"));
  });
  after(() => rm(broken, { recursive: true }));

  test("names the graph that is missing and the command that writes it", async () => {
    const message = /model_codepoints_q4\.onnx, found none.*--graph codepoints --precision int4/;
    await assert.rejects(StaticModel.load(broken, { precision: "int4" }), { message });
  });

  test("refuses a precision that there is not", async () => {
    const message = "Expected a precision of fp32, fp16, int8, int4, found int3.";
    // @ts-expect-error: what a program without types may pass
    await assert.rejects(StaticModel.load(FOLDER, { precision: "int3" }), { name: "RangeError", message });
  });

  test("refuses a graph of another kind", async () => {
    await copyFile(join(FOLDER, "onnx", "model.onnx"), join(broken, "onnx", "model_codepoints.onnx"));
    const message = /from codepoints to sentence_embedding, found one from input_ids,attention_mask/;
    await assert.rejects(StaticModel.load(broken), { message });
  });

  test("refuses half a file", async () => {
    const bytes = await readFile(GRAPH);
    await writeFile(join(broken, "onnx", "model_codepoints.onnx"), bytes.subarray(0, bytes.length / 2));
    await assert.rejects(StaticModel.load(broken), { message: /^Cannot read the graph.*Copy the whole file again/ });
  });

  test("takes bytes, too", async () => {
    const model = await StaticModel.create(ort, await readFile(GRAPH));
    assert.equal(model.dimensions, vectors[0].length);
    assertClose(await model.encode(texts), vectors);
    await model.dispose();
  });

  test("refuses bytes that are no graph", async () => {
    await assert.rejects(StaticModel.create(ort, new Uint8Array(9)), { message: /^Cannot read the graph \(9 bytes\)/ });
  });
});

describe("dispose", () => {
  test("can be called again, and ends encoding", async () => {
    const model = await StaticModel.load(FOLDER);
    await Promise.all([model.dispose(), model.dispose()]);
    await assert.rejects(model.encode("a"), { message: "This model was disposed. Load it again to encode." });
    await assert.rejects(model.encode([]), { message: /disposed/ });
  });

  test("stops what runs", async () => {
    const model = await StaticModel.load(FOLDER);
    const running = model.encode(Array.from({ length: 200 }, () => "a"));
    await model[Symbol.asyncDispose]();
    await assert.rejects(running, { message: /disposed/ });
  });
});
