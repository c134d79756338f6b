"""Graphs that take text: the tokenizer inside."""
