"""Random texts, folders, inputs and kills against the library: `python -m checks.fuzz`."""
