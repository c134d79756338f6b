import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

if (!process.env.M2V_ONNX_MODEL) {
  throw new Error(
    "Expected the folder of a model in M2V_ONNX_MODEL, found nothing. Set it: M2V_ONNX_MODEL=my-model npm test",
  );
}

/** The model under test. */
export const FOLDER = process.env.M2V_ONNX_MODEL;

if (!process.env.M2V_ONNX_CLASSIFIER) {
  throw new Error(
    "Expected the folder of a classifier in M2V_ONNX_CLASSIFIER, found nothing. Set it, as M2V_ONNX_MODEL.",
  );
}

/** The classifier under test. */
export const CLASSIFIER = process.env.M2V_ONNX_CLASSIFIER;

/**
 * What the Python package gave for a model, or for a classifier.
 *
 * @param {string} [folder]
 * @returns {Promise<{ texts: string[], vectors: number[][], logits: number[][], labels: string[] }>}
 */
export async function readGoldens(folder = FOLDER) {
  return JSON.parse(await readFile(join(folder, "goldens.json"), "utf8"));
}

/**
 * Assert that vectors differ by 1e-5 at most.
 *
 * @param {ArrayLike<number>[]} found
 * @param {number[][]} expected
 */
export function assertClose(found, expected) {
  assert.equal(found.length, expected.length);
  for (const [index, row] of expected.entries()) {
    assert.equal(found[index].length, row.length);
    for (const [place, value] of row.entries()) {
      assert.ok(Math.abs(found[index][place] - value) <= 1e-5, `text ${index}: ${found[index][place]} and ${value}`);
    }
  }
}
