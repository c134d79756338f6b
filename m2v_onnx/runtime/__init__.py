"""Texts to vectors, with the base install alone."""
