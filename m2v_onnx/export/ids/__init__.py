"""Graphs that take token ids."""
