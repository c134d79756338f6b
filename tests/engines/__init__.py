"""Other people's engines, each with a small program that opens a model's folder with no code of ours."""
