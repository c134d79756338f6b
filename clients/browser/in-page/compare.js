// Runs in the browser, for check.js and the tests: the float32 graph against the vectors of the Python package.
import * as ort from "./ort.wasm.bundle.min.mjs";
import { StaticModel } from "./static-model.js";
import { TextClassifier } from "./text-classifier.js";

ort.env.wasm.numThreads = 1;
const GRAPH = "onnx/model_codepoints.onnx";
const model = await StaticModel.create(ort, GRAPH);

/** Largest difference between the vectors of a file, `{ texts, vectors }`, and those of this browser. */
export async function largestDifference(url) {
  const { texts, vectors } = await readVectors(url);
  let largest = 0;
  for (const [index, row] of (await model.encode(texts)).entries()) {
    row.forEach((value, place) => (largest = Math.max(largest, Math.abs(value - vectors[index][place]))));
  }
  return largest;
}

/** The labels of the texts of a file `{ texts }`, with the names that config.json has for them. */
export async function classify(url) {
  const { texts } = await readVectors(url);
  const { id2label } = await (await fetch("config.json")).json();
  const classifier = await TextClassifier.create(ort, GRAPH, Object.values(id2label));
  const found = await classifier.classify(texts);
  await classifier.dispose();
  return found;
}

/** Encodes the texts of a file over and over, `count` at least; gives the texts a second. */
export async function encodeMany(url, count) {
  const { texts } = await readVectors(url);
  const start = performance.now();
  let done = 0;
  for (; done < count; done += texts.length) await model.encode(texts);
  return (done / (performance.now() - start)) * 1000;
}

export async function readVectors(url) {
  return (await fetch(url)).json();
}
