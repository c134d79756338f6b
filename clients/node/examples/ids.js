// Without StaticModel, for models whose tokenizer no graph can hold: a JavaScript tokenizer and the graph of ids.
//   npm install @huggingface/tokenizers onnxruntime-node
//   node examples/ids.js my-model "a text"
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import * as ort from "onnxruntime-node";

const [folder, text] = process.argv.slice(2);
const [config, tokenizerJson, tokenizerConfig] = await Promise.all(
  ["config.json", "tokenizer.json", "tokenizer_config.json"].map(async (name) =>
    JSON.parse(await readFile(join(folder, name), "utf8")),
  ),
);
const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
const session = await ort.InferenceSession.create(join(folder, "onnx", "model.onnx"));

const ids = tokenizer.encode(text, { add_special_tokens: false }).ids.slice(0, config.max_length ?? undefined);
const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
const feeds = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) };
const { sentence_embedding: vector } = await session.run(feeds, ["sentence_embedding"]);
console.log(JSON.stringify(Array.from(vector.data)));
