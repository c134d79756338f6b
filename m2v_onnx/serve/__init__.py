"""Static models over HTTP: OpenAI's and Text Embeddings Inference's ways to ask. Needs the extra `serve`.

`app.make_app` gives an ASGI application, `run.serve` runs it. To add a path, write a class whose
`read` takes a body, and whose `answer` gives the reply, as in `openai.py`, and register it in `app.py`.
"""
