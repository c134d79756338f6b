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

/**
 * What the Python package gave for the model.
 *
 * @returns {Promise<{ texts: string[], vectors: number[][] }>}
 */
export async function readGoldens() {
  return JSON.parse(await readFile(join(FOLDER, "goldens.json"), "utf8"));
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
