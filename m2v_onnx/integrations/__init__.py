"""Static models as the parts of other people's frameworks, a framework a module; each imports its own."""
