// onnxruntime-node and a classifier's graph of text: `node onnxruntime_node_labels.mjs FOLDER ANSWER FILE`.
import { InferenceSession, Tensor, env } from "onnxruntime-node";
import { answerLabels, folder, goldens, rest } from "./answer.mjs";

const session = await InferenceSession.create(`${folder}/${rest[0]}`);
const found = [];
for (const text of goldens.texts) {
  const feeds = { text: new Tensor("string", [text.replaceAll("\0", "")], [1]) }; // NUL would end the string
  const { label, probabilities } = await session.run(feeds, ["label", "probabilities"]);
  found.push({ label: label.data[0], score: Math.max(...probabilities.data) });
}
answerLabels(env.versions.node, found);
