import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as ort from "onnxruntime-node";
import { StaticModel, TextClassifier } from "m2v-onnx";
import { assertClose, CLASSIFIER, FOLDER, readGoldens } from "./goldens.js";

const GRAPH = join(CLASSIFIER, "onnx", "model_codepoints.onnx");
const { texts, vectors, logits, labels } = await readGoldens(CLASSIFIER);

describe("classify", () => {
  /** @type {TextClassifier} */
  let classifier;
  before(async () => void (classifier = await TextClassifier.load(CLASSIFIER)));
  after(() => classifier.dispose());

  test("gives the labels that Python gives, and their probabilities", async () => {
    const found = await classifier.classify(texts);
    assert.deepEqual(
      found.map(({ label }) => label),
      labels,
    );
    for (const [index, { probability }] of found.entries()) {
      const shares = logits[index].map((logit) => Math.exp(logit - Math.max(...logits[index])));
      assert.ok(Math.abs(probability - 1 / shares.reduce((sum, share) => sum + share)) <= 1e-5, texts[index]);
    }
  });

  test("gives one text what it gives many", async () => {
    for (const [index, text] of texts.entries()) {
      assert.equal((await classifier.classify(text)).label, labels[index]);
    }
  });

  test("ranks all labels, the likeliest first", async () => {
    const ranked = await classifier.rank("Striker scores twice in the cup final");
    assert.equal(ranked[0].label, "sport");
    assert.deepEqual(ranked.map(({ label }) => label).sort(), [...classifier.labels].sort());
    for (const [index, { probability }] of ranked.slice(1).entries()) {
      assert.ok(ranked[index].probability >= probability);
    }
    assert.ok(Math.abs(ranked.reduce((sum, { probability }) => sum + probability, 0) - 1) <= 1e-5);
  });

  test("gives the vectors that labels are made from", async () => {
    assertClose(await classifier.encode(texts), vectors);
    const model = await StaticModel.load(CLASSIFIER);
    assertClose(await model.encode(texts), vectors);
    await model.dispose();
  });

  test("gives nothing for nothing", async () => {
    assert.deepEqual(await classifier.classify([]), []);
  });

  test("refuses what is no text", async () => {
    // @ts-expect-error: not a text
    await assert.rejects(classifier.classify(null), { name: "TypeError", message: /found null/ });
    await assert.rejects(classifier.classify("\ud83d"), { name: "TypeError", message: /lone surrogate at 0/ });
  });

  test("takes the small graph, too", async () => {
    const small = await TextClassifier.load(CLASSIFIER, { precision: "int8" });
    const found = await small.classify(texts);
    const differ = found.filter(({ label }, index) => label !== labels[index]);
    assert.ok(differ.length <= 1, JSON.stringify(differ));
    await small.dispose();
  });
});

test("a model that gives vectors is no classifier", async () => {
  await assert.rejects(TextClassifier.load(FOLDER), { message: /Expected labels under id2label .* found none/ });
  const graph = join(FOLDER, "onnx", "model_codepoints.onnx");
  await assert.rejects(TextClassifier.create(ort, graph, ["a"]), {
    message: /Expected the graph of a classifier, .* found one to sentence_embedding/,
  });
});

test("labels of another classifier are refused", async () => {
  await assert.rejects(TextClassifier.create(ort, GRAPH, ["a"]), { message: /Expected \d+ labels .*, found 1\./ });
});

test("a disposed classifier says so", async () => {
  const classifier = await TextClassifier.load(CLASSIFIER);
  await classifier.dispose();
  await assert.rejects(classifier.classify("a text"), { message: /was disposed/ });
});

test("labels may be any text", async () => {
  const folder = await mkdtemp(join(tmpdir(), "m2v-onnx-"));
  await mkdir(join(folder, "onnx"));
  await symlink(GRAPH, join(folder, "onnx", "model_codepoints.onnx"));
  const named = Object.fromEntries(logits[0].map((_, column) => [column, `${column}\t"😀\n`]));
  await writeFile(join(folder, "config.json"), JSON.stringify({ id2label: named }));
  const classifier = await TextClassifier.load(folder);
  assert.deepEqual(classifier.labels, Object.values(named));
  await classifier.dispose();
  await rm(folder, { recursive: true });
});
