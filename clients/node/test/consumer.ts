// Compiled, never run: the types that a program in TypeScript sees.
import { StaticModel } from "m2v-onnx";
import { StaticModel as PortableStaticModel } from "m2v-onnx/static-model";
import * as ort from "onnxruntime-node";

await using model = await StaticModel.load("my-model", { precision: "int8" });
export const vector: Float32Array = await model.encode("a text");
export const vectors: Float32Array[] = await model.encode(["a text", "another"] as const);
export const dimensions: number = model.dimensions;
export const portable: PortableStaticModel = await PortableStaticModel.create(ort, new Uint8Array(1));

// @ts-expect-error: only texts can be encoded.
await model.encode(3);
// @ts-expect-error: there is no such precision.
await StaticModel.load("my-model", { precision: "int3" });
