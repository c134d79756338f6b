// Token ids of the texts, by the tokenizers library, as tensors of one batch.
import { readFileSync } from "node:fs";
import { Tokenizer } from "tokenizers";
import { folder, goldens } from "./answer.mjs";

const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));

export async function makeFeeds(Tensor) {
  const tokenizer = await Tokenizer.fromFile(`${folder}/tokenizer.json`);
  tokenizer.setTruncation(config.max_position_embeddings);
  tokenizer.setPadding({ padId: config.pad_token_id });
  const encodings = await tokenizer.encodeBatch(goldens.texts);
  const tensor = (rows) => {
    const values = BigInt64Array.from(rows.flat(), BigInt);
    return new Tensor("int64", values, [rows.length, rows[0].length]);
  };
  return {
    input_ids: tensor(encodings.map((encoding) => encoding.getIds())),
    attention_mask: tensor(encodings.map((encoding) => encoding.getAttentionMask())),
  };
}

export function toRows({ data, dims: [nRows, dim] }) {
  return Array.from({ length: nRows }, (_, row) => Array.from(data.subarray(row * dim, (row + 1) * dim)));
}
