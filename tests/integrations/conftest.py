"""The program imports a package of an environment of its own."""

collect_ignore = ["openai_client.py"]
