"""A model's folder: read, written, and exchanged as a whole."""
