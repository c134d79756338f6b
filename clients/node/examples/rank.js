// Rank documents for a query: node examples/rank.js my-model "how do plants make food"
import { StaticModel } from "m2v-onnx";

const DOCUMENTS = [
  "Photosynthesis turns sunlight, water and carbon dioxide into sugar.",
  "The central bank raised interest rates to slow inflation.",
  "Whisk the eggs, fold in the flour and bake for half an hour.",
  "The striker scored twice in the last ten minutes.",
  "A pull request needs one review before it can be merged.",
];

const [folder, query = "how do plants make food"] = process.argv.slice(2);
const model = await StaticModel.load(folder);
const target = await model.encode(query);
const vectors = await model.encode(DOCUMENTS);
await model.dispose();

// Cosine, where the model gives unit vectors.
const similarity = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);

DOCUMENTS.map((text, index) => ({ text, score: similarity(target, vectors[index]) }))
  .sort((a, b) => b.score - a.score)
  .forEach(({ text, score }) => console.log(score.toFixed(3), text));
