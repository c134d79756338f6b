// Compiled, never run: the types that a program in TypeScript sees.
import { StaticModel, TextClassifier } from "m2v-onnx";
import { StaticModel as PortableStaticModel } from "m2v-onnx/static-model";
import * as ort from "onnxruntime-node";

await using model = await StaticModel.load("my-model", { precision: "int8" });
export const vector: Float32Array = await model.encode("a text");
export const vectors: Float32Array[] = await model.encode(["a text", "another"] as const);
export const dimensions: number = model.dimensions;
export const portable: PortableStaticModel = await PortableStaticModel.create(ort, new Uint8Array(1));

await using classifier = await TextClassifier.load("my-classifier", { precision: "int8" });
export const one: { label: string; probability: number } = await classifier.classify("a text");
export const many: { label: string; probability: number }[] = await classifier.classify(["a text"] as const);
export const all: { label: string; probability: number }[] = await classifier.rank("a text");
export const labels: readonly string[] = classifier.labels;

// @ts-expect-error: only texts can be encoded.
await model.encode(3);
// @ts-expect-error: there is no such precision.
await StaticModel.load("my-model", { precision: "int3" });
