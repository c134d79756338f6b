/**
 * Texts to vectors, in Node (with onnxruntime-node) and in the browser (with onnxruntime-web) alike.
 *
 * @module
 */

/**
 * An ONNX Runtime package: what onnxruntime-node and onnxruntime-web both export.
 *
 * @typedef {Pick<typeof import("onnxruntime-common"), "InferenceSession" | "Tensor">} Runtime
 */
/** @typedef {import("onnxruntime-common").InferenceSession} InferenceSession */
/** @typedef {import("onnxruntime-common").InferenceSession.SessionOptions} SessionOptions */

const INPUT = "codepoints";
const OUTPUT = "sentence_embedding";
const BATCH_TEXTS = 64;
// Very long texts go in smaller batches, so that memory stays bounded.
const BATCH_CODE_POINTS = 65_536;

/** A static embedding model: the sentence vector of any text, tokenizer included. */
export class StaticModel {
  /** @type {Runtime["Tensor"]} */
  #Tensor;
  /** @type {InferenceSession | undefined} */
  #session;
  /** @type {Promise<unknown>} */
  #lastTurn = Promise.resolve();

  /**
   * Length of the vectors.
   *
   * @readonly
   */
  dimensions;

  /**
   * Names of the graph's outputs.
   *
   * @type {readonly string[]}
   * @readonly
   */
  outputs;

  /**
   * Use {@link StaticModel.create}.
   *
   * @param {Runtime} ort
   * @param {InferenceSession} session of a graph that was checked.
   */
  constructor(ort, session) {
    this.#Tensor = ort.Tensor;
    this.#session = session;
    this.dimensions = outputDimensions(session);
    this.outputs = session.outputNames;
  }

  /**
   * Open a code-points graph with an ONNX Runtime of your choice.
   *
   * @param {Runtime} ort the imported onnxruntime-node or onnxruntime-web.
   * @param {Uint8Array | string} graph its bytes; or its path in Node, its URL in the browser.
   * @param {SessionOptions} [options] for the session; one thread, the fastest for a static model, unless you choose.
   * @returns {Promise<StaticModel>}
   * @throws {Error} when the graph cannot be read, or is of another kind.
   */
  static async create(ort, graph, options) {
    const name = typeof graph === "string" ? graph : `${graph.byteLength} bytes`;
    let session;
    try {
      // One signature a type is all that `InferenceSession.create` declares: either type will do.
      const bytes = /** @type {Uint8Array} */ (graph);
      session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, ...options });
    } catch (cause) {
      throw new Error(`Cannot read the graph (${name}). Copy the whole file again, or export it again.`, { cause });
    }
    const { inputNames, outputNames } = session;
    if (inputNames.join() !== INPUT || !outputNames.includes(OUTPUT)) {
      await session.release();
      throw new Error(
        `Expected a graph from ${INPUT} to ${OUTPUT}, found one from ${inputNames} to ${outputNames} (${name}). ` +
          "Write one with: m2v-onnx export SOURCE FOLDER --graph codepoints",
      );
    }
    return new this(ort, session);
  }

  /**
   * The vector of a text, or the vectors of many, in their order. Safe to call again before it has finished.
   *
   * @overload
   * @param {string} text
   * @returns {Promise<Float32Array>} of length `dimensions`; zeros for a text without a known token.
   * @throws {TypeError} when the text is no string, or no Unicode: it has a lone surrogate.
   * @throws {Error} when the model was disposed.
   */
  /**
   * @overload
   * @param {readonly string[]} texts
   * @returns {Promise<Float32Array[]>} each an array of its own, of length `dimensions`.
   */
  /**
   * @param {string | readonly string[]} texts
   * @returns {Promise<Float32Array | Float32Array[]>}
   */
  async encode(texts) {
    if (typeof texts === "string") return (await this.#encodeAll([texts]))[0];
    if (Array.isArray(texts)) return this.#encodeAll(texts);
    throw new TypeError(`Expected a string or an array of strings, found ${kindOf(texts)}.`);
  }

  /**
   * What the graph gives for texts, by the names of its outputs: for classes that are built on this one.
   *
   * @param {readonly string[]} given
   * @param {readonly string[]} names of outputs that hold a row of numbers for each text.
   * @returns {Promise<Float32Array[][]>} for each name a row for each text, each an array of its own.
   * @throws {TypeError} when a text is no string, or no Unicode: it has a lone surrogate.
   */
  async run(given, names) {
    this.#openSession();
    const texts = Array.from(given, requireText);
    /** @type {Float32Array[][]} */
    const rows = names.map(() => new Array(texts.length));
    for (const batch of batchesByLength(texts)) {
      const outputs = await this.#runBatch(
        batch.map((index) => texts[index]),
        names,
      );
      for (const [place, name] of names.entries()) {
        const { data } = /** @type {import("onnxruntime-common").TypedTensor<"float32">} */ (outputs[name]);
        const width = data.length / batch.length;
        batch.forEach((index, row) => (rows[place][index] = data.slice(row * width, (row + 1) * width)));
      }
    }
    return rows;
  }

  /**
   * Free the memory of the model. Calls of `encode` that are under way fail; calling it again does nothing.
   *
   * @returns {Promise<void>}
   */
  async dispose() {
    const session = this.#session;
    this.#session = undefined;
    if (session) await this.#inTurn(() => session.release());
  }

  // An engine that does not know the symbol yet gets a method that nobody calls.
  [Symbol.asyncDispose]() {
    return this.dispose();
  }

  /** @param {readonly string[]} given */
  async #encodeAll(given) {
    return (await this.run(given, [OUTPUT]))[0];
  }

  /**
   * @param {string[]} texts
   * @param {readonly string[]} names
   */
  async #runBatch(texts, names) {
    const codePoints = padCodePoints(texts);
    const shape = [texts.length, codePoints.length / texts.length];
    const input = new this.#Tensor("int32", codePoints, shape);
    return this.#inTurn(() => this.#openSession().run({ [INPUT]: input }, names));
  }

  #openSession() {
    if (!this.#session) throw new Error("This model was disposed. Load it again to encode.");
    return this.#session;
  }

  /**
   * One run at a time: a JavaScript thread has no more to give, and a session is never released while it runs.
   *
   * @template T
   * @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  #inTurn(task) {
    const turn = this.#lastTurn.then(task);
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }
}

/** @param {InferenceSession} session */
function outputDimensions(session) {
  const output = session.outputMetadata.find(({ name }) => name === OUTPUT);
  return Number(output?.isTensor && output.shape.at(-1));
}

/**
 * @param {unknown} text
 * @param {number} index
 */
function requireText(text, index) {
  if (typeof text !== "string") throw new TypeError(`Expected a string, found ${kindOf(text)} (text ${index}).`);
  const place = text.search(/\p{Surrogate}/u);
  if (place < 0) return text;
  throw new TypeError(
    `Expected Unicode text, found a lone surrogate at ${place} (text ${index}). ` +
      "Replace it with text.toWellFormed(), or cut strings between characters.",
  );
}

/** @param {unknown} value */
function kindOf(value) {
  return value === null ? "null" : typeof value;
}

/**
 * Indices of the texts, in batches of about equal length, so that little is padded.
 *
 * @param {string[]} texts
 */
function* batchesByLength(texts) {
  const order = [...texts.keys()].sort((a, b) => texts[a].length - texts[b].length);
  /** @type {number[]} */
  let batch = [];
  for (const index of order) {
    const isFull = batch.length === BATCH_TEXTS || (batch.length + 1) * texts[index].length > BATCH_CODE_POINTS;
    if (batch.length && isFull) {
      yield batch;
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length) yield batch;
}

/**
 * Code points of the texts, one row a text, padded with 0.
 *
 * @param {string[]} texts at least one.
 */
function padCodePoints(texts) {
  const width = Math.max(1, ...texts.map((text) => text.length));
  const codePoints = new Int32Array(texts.length * width);
  texts.forEach((text, row) => {
    let place = row * width;
    for (const character of text) codePoints[place++] = /** @type {number} */ (character.codePointAt(0));
  });
  return codePoints;
}
