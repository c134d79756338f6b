"""Write the fast form of a slow tokenizer: `python -m … FOLDER OUTPUT`.

A program of its own, so that transformers never enters the process that distils.
"""

from __future__ import annotations

import sys

from transformers import AutoTokenizer

from m2v_onnx.teacher.exporter import parse_child_arguments


def main() -> None:
    """Convert the tokenizer of a folder."""
    arguments = parse_child_arguments(__doc__)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            arguments.folder, trust_remote_code=arguments.trust_remote_code, use_fast=True
        )
    except (OSError, ValueError, KeyError, ImportError, TypeError) as error:
        message = " ".join(str(error).split())
        sys.exit(f"expected a tokenizer.json or files that transformers makes one of, found {message[:300]}")
    if not tokenizer.is_fast:
        sys.exit(
            f"expected a tokenizer with a fast form, found {type(tokenizer).__name__}: put a tokenizer.json "
            "of the `tokenizers` library into the folder"
        )
    tokenizer.backend_tokenizer.save(str(arguments.output))
    print(f"converted {type(tokenizer).__name__} to a tokenizer.json")  # noqa: T201  # its parent reads it


if __name__ == "__main__":
    main()
