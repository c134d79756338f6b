/**
 * Texts to labels, in Node (with onnxruntime-node) and in the browser (with onnxruntime-web) alike.
 *
 * @module
 */

import { StaticModel } from "./static-model.js";

/** @typedef {import("./static-model.js").Runtime} Runtime */
/** @typedef {import("./static-model.js").SessionOptions} SessionOptions */
/**
 * A label of a text, and how probable it is.
 *
 * @typedef {{ label: string, probability: number }} Classification
 */

const LOGITS = "logits";
const PROBABILITIES = "probabilities";

/** A text classifier: the label of any text, tokenizer included. */
export class TextClassifier {
  /** @type {StaticModel} */
  #model;

  /**
   * All labels, in the order of the graph.
   *
   * @type {readonly string[]}
   * @readonly
   */
  labels;

  /**
   * Use {@link TextClassifier.create}.
   *
   * @param {StaticModel} model with a graph that was checked.
   * @param {readonly string[]} labels
   */
  constructor(model, labels) {
    this.#model = model;
    this.labels = Object.freeze([...labels]);
  }

  /**
   * Open the code-points graph of a classifier with an ONNX Runtime of your choice.
   *
   * @param {Runtime} ort the imported onnxruntime-node or onnxruntime-web.
   * @param {Uint8Array | string} graph its bytes; or its path in Node, its URL in the browser.
   * @param {readonly string[]} labels those of `id2label` in the folder's config.json: JavaScript cannot read them
   *   from the graph.
   * @param {SessionOptions} [options] as for {@link StaticModel.create}.
   * @returns {Promise<TextClassifier>}
   * @throws {Error} when the graph cannot be read, is of another kind, or has another number of labels.
   */
  static async create(ort, graph, labels, options) {
    const model = await StaticModel.create(ort, graph, options);
    try {
      if (![LOGITS, PROBABILITIES].every((name) => model.outputs.includes(name))) {
        throw new Error(
          `Expected the graph of a classifier, to ${LOGITS} and ${PROBABILITIES}, found one to ${model.outputs}. ` +
            "Write one with: m2v-onnx train MODEL DATA FOLDER --graph codepoints",
        );
      }
      const [[prior]] = await model.run([""], [LOGITS]);
      if (prior.length !== labels.length) {
        throw new Error(
          `Expected ${prior.length} labels for this graph, found ${labels.length}. ` +
            "Take those of id2label in config.json of the same folder.",
        );
      }
    } catch (error) {
      await model.dispose();
      throw error;
    }
    return new this(model, labels);
  }

  /**
   * The likeliest label of a text, or of each of many, in their order. Safe to call again before it has finished.
   *
   * @overload
   * @param {string} text
   * @returns {Promise<Classification>} for a text without a known token what is likeliest of any text.
   * @throws {TypeError} when the text is no string, or no Unicode: it has a lone surrogate.
   * @throws {Error} when the classifier was disposed.
   */
  /**
   * @overload
   * @param {readonly string[]} texts
   * @returns {Promise<Classification[]>}
   */
  /**
   * @param {string | readonly string[]} texts
   * @returns {Promise<Classification | Classification[]>}
   */
  async classify(texts) {
    if (typeof texts === "string") return (await this.#rank([texts]))[0][0];
    if (Array.isArray(texts)) return (await this.#rank(texts)).map(([likeliest]) => likeliest);
    throw new TypeError(`Expected a string or an array of strings, found ${texts === null ? "null" : typeof texts}.`);
  }

  /**
   * All labels of a text, the likeliest first.
   *
   * @param {string} text
   * @returns {Promise<Classification[]>}
   */
  async rank(text) {
    return (await this.#rank([text]))[0];
  }

  /**
   * The vectors that labels are made from, as {@link StaticModel.encode} gives them.
   *
   * @param {readonly string[]} texts
   * @returns {Promise<Float32Array[]>}
   */
  async encode(texts) {
    return this.#model.encode(texts);
  }

  /**
   * Free the memory of the classifier. Calls that are under way fail; calling it again does nothing.
   *
   * @returns {Promise<void>}
   */
  async dispose() {
    await this.#model.dispose();
  }

  // An engine that does not know the symbol yet gets a method that nobody calls.
  [Symbol.asyncDispose]() {
    return this.dispose();
  }

  /** @param {readonly string[]} texts */
  async #rank(texts) {
    const [logits, probabilities] = await this.#model.run(texts, [LOGITS, PROBABILITIES]);
    return logits.map((row, text) => {
      // By logits: probabilities near 1 may be equal. The sort keeps the order of equal ones.
      const order = [...row.keys()].sort((a, b) => row[b] - row[a]);
      return order.map((column) => ({ label: this.labels[column], probability: probabilities[text][column] }));
    });
  }
}
