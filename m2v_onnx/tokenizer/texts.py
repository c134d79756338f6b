"""What is a text, and what is none."""

from __future__ import annotations

from collections.abc import Sequence

from m2v_onnx.errors import ArgumentError


def check_strings(texts: Sequence[str], *, first_index: int = 0) -> None:
    """Refuse what is no string.

    Raises:
        ArgumentError: naming its index; `first_index` is the number of the first text.
    """
    if set(map(type, texts)) <= {str}:  # three times as fast
        return
    for index, text in enumerate(texts, first_index):
        if not isinstance(text, str):
            raise ArgumentError(f"texts[{index}] must be a string, found {type(text).__name__}: {text!r:.40}")


def check_unicode(texts: Sequence[str], *, first_index: int = 0) -> None:
    """Refuse strings without a UTF-8 form.

    Raises:
        ArgumentError: naming its index; `first_index` is the number of the first text.
    """
    for index, text in enumerate(texts, first_index):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ArgumentError(
                f"texts[{index}] must be valid Unicode, found a lone surrogate at character {error.start}: "
                "replace it, for instance by text.encode('utf-8', 'replace').decode()"
            ) from error
