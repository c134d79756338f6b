/**
 * Static embedding models in Node: folders that `m2v-onnx export --graph codepoints` wrote.
 *
 * @module
 */

import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { StaticModel as PortableStaticModel } from "./static-model.js";
import { TextClassifier as PortableTextClassifier } from "./text-classifier.js";

const SUFFIXES = { fp32: "", fp16: "_fp16", int8: "_quantized", int4: "_q4" };

/** A static embedding model that loads from a folder. */
export class StaticModel extends PortableStaticModel {
  /**
   * Load a model's folder, or a classifier's: it gives the vectors that labels are made from.
   *
   * @param {string} folder with onnx/model_codepoints.onnx in it, or another precision of it.
   * @param {object} [options]
   * @param {keyof typeof SUFFIXES} [options.precision] of the graph.
   * @returns {Promise<StaticModel>}
   * @throws {RangeError} when there is no such precision.
   * @throws {Error} when the graph is not there, cannot be read, or is of another kind.
   */
  static async load(folder, { precision = "fp32" } = {}) {
    return this.create(ort, await findGraph(folder, precision));
  }
}

/** A text classifier that loads from a folder. */
export class TextClassifier extends PortableTextClassifier {
  /**
   * Load a classifier's folder.
   *
   * @param {string} folder with onnx/model_codepoints.onnx in it, or another precision of it, and config.json.
   * @param {object} [options]
   * @param {keyof typeof SUFFIXES} [options.precision] of the graph.
   * @returns {Promise<TextClassifier>}
   * @throws {RangeError} when there is no such precision.
   * @throws {Error} when the graph or the labels are not there, cannot be read, or are of another kind.
   */
  static async load(folder, { precision = "fp32" } = {}) {
    return this.create(ort, await findGraph(folder, precision), await readLabels(folder));
  }
}

/**
 * @param {string} folder
 * @param {keyof typeof SUFFIXES} precision
 */
async function findGraph(folder, precision) {
  if (!Object.hasOwn(SUFFIXES, precision)) {
    throw new RangeError(`Expected a precision of ${Object.keys(SUFFIXES).join(", ")}, found ${precision}.`);
  }
  const path = join(folder, "onnx", `model_codepoints${SUFFIXES[precision]}.onnx`);
  try {
    await access(path);
  } catch (cause) {
    throw new Error(
      `Expected a graph at ${path}, found none. ` +
        `Write it with: m2v-onnx export SOURCE FOLDER --graph codepoints --precision ${precision}`,
      { cause },
    );
  }
  return path;
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>}
 */
async function readLabels(folder) {
  const path = join(folder, "config.json");
  const { id2label } = JSON.parse(await readFile(path, "utf8"));
  if (id2label) return Object.keys(id2label).map((_, column) => id2label[column]);
  throw new Error(`Expected labels under id2label in ${path}, found none: this is no classifier. Use StaticModel.`);
}
