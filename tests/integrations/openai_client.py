"""Asks a server with OpenAI's package: ADDRESS MODEL KEY TEXTS; prints JSON."""

import json
import sys

import openai

address, model, key, texts = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def ask(**options):
    answer = client.embeddings.create(model=model, input=json.loads(texts), **options)
    return [entry.embedding for entry in answer.data]


def refused(call):
    try:
        call()
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "message": error.message}
    return None


stranger = openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0)
answers = {
    "default": ask(),
    "float": ask(encoding_format="float"),
    "short": ask(dimensions=2),
    "models": [entry.id for entry in client.models.list()],
    "wrongKey": refused(stranger.models.list),
    "tokens": refused(lambda: client.embeddings.create(model=model, input=[1, 2])),
    "wide": refused(lambda: ask(dimensions=999)),
    "noModel": refused(lambda: client.embeddings.create(model="none", input=texts)),
}
print(json.dumps(answers))
