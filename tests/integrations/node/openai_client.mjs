// Asks a server with OpenAI's package: node openai_client.mjs ADDRESS MODEL KEY TEXTS; prints JSON.
import OpenAI from "openai";

const [address, model, key, texts] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const input = JSON.parse(texts);
const ask = async (options) => {
  const answer = await client.embeddings.create({ model, input, ...options });
  return answer.data.map((entry) => Array.from(entry.embedding));
};
const refused = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, message: error.message };
  }
};
const stranger = new OpenAI({ baseURL: `${address}/v1`, apiKey: "wrong", maxRetries: 0 });
const models = [];
for await (const entry of client.models.list()) models.push(entry.id);
console.log(
  JSON.stringify({
    default: await ask({}),
    float: await ask({ encoding_format: "float" }),
    short: await ask({ dimensions: 2 }),
    models,
    wrongKey: await refused(() => stranger.models.list()),
    tokens: await refused(() => client.embeddings.create({ model, input: [1, 2] })),
    wide: await refused(() => ask({ dimensions: 999 })),
    noModel: await refused(() => client.embeddings.create({ model: "none", input })),
  }),
);
