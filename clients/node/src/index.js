/**
 * Static embedding models in Node: folders that `m2v-onnx export --graph codepoints` wrote.
 *
 * @module
 */

import { access } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { StaticModel as PortableStaticModel } from "./static-model.js";

const SUFFIXES = { fp32: "", fp16: "_fp16", int8: "_quantized", int4: "_q4" };

/** A static embedding model that loads from a folder. */
export class StaticModel extends PortableStaticModel {
  /**
   * Load a model's folder.
   *
   * @param {string} folder with onnx/model_codepoints.onnx in it, or another precision of it.
   * @param {object} [options]
   * @param {keyof typeof SUFFIXES} [options.precision] of the graph.
   * @returns {Promise<StaticModel>}
   * @throws {RangeError} when there is no such precision.
   * @throws {Error} when the graph is not there, cannot be read, or is of another kind.
   */
  static async load(folder, { precision = "fp32" } = {}) {
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
    return this.create(ort, path);
  }
}
