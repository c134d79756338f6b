"""What is a text, and what is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from m2v_onnx.errors import ArgumentError


def check_texts(texts: object) -> None:
    """Refuse what is neither a text nor an iterable of texts, before anything is taken from it.

    Raises:
        ArgumentError: saying what to pass.
    """
    if isinstance(texts, str | list | tuple):
        return
    if isinstance(texts, bytes | bytearray | memoryview):
        remedy = "decode it, for instance by texts.decode()"
    elif isinstance(texts, Mapping):
        remedy = "pass its values, list(texts.values())"
    elif hasattr(texts, "columns"):
        remedy = "pass a column of it, such as texts['text']"
    elif not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) == 0:  # an array that is one value
        remedy = "put it into a string, or strings into a list"
    else:
        return
    raise ArgumentError(f"texts must be a string or strings, found {type(texts).__name__}: {remedy}")


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
