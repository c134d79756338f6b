"""What the tokenizers library is asked; no table, no disk."""
