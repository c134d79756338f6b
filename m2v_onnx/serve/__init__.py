"""Static models over HTTP: OpenAI's and Text Embeddings Inference's ways to ask. Needs the extra `serve`.

`app.make_app` gives an ASGI application, `server.serve` runs it. To add a path, write a function from a
body to an answer, as `openai.embeddings` is one, and register it in `app.py`.
"""
