// What every program here does around its engine: read the texts, write the vectors.
import { readFileSync, writeFileSync } from "node:fs";

export const [folder, answerPath, ...rest] = process.argv.slice(2);
export const goldens = JSON.parse(readFileSync(`${folder}/goldens.json`, "utf8"));

export function answer(version, vectors) {
  writeFileSync(answerPath, JSON.stringify({ version, vectors }));
}

/** Writes what a classifier found, `{ label, score }` for each text. */
export function answerLabels(version, found) {
  const [labels, scores] = ["label", "score"].map((key) => found.map((one) => one[key]));
  writeFileSync(answerPath, JSON.stringify({ version, labels, scores }));
}
