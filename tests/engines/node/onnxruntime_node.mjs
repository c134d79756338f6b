// onnxruntime-node: `node onnxruntime_node.mjs FOLDER ANSWER FILE`.
import { InferenceSession, Tensor, env } from "onnxruntime-node";
import { answer, folder, rest } from "./answer.mjs";
import { makeFeeds, toRows } from "./tokens.mjs";

const session = await InferenceSession.create(`${folder}/${rest[0]}`);
const feeds = await makeFeeds(Tensor);
if (session.inputNames.includes("token_type_ids")) {
  const { data, dims } = feeds.input_ids;
  feeds.token_type_ids = new Tensor("int64", data.map(() => 0n), dims);
}
const { sentence_embedding } = await session.run(feeds);
answer(env.versions.node, toRows(sentence_embedding));
