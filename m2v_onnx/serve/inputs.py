"""What a client's body says, checked."""

from __future__ import annotations

from typing import Any

import orjson

from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.settings import Limits

_NO_TEXT = (
    "expected {field} to hold texts, found token ids: a static model has a tokenizer of its own, so send the "
    "texts (LangChain's OpenAIEmbeddings does with check_embedding_ctx_length=False)"
)


def read_object(body: bytes) -> dict[str, Any]:
    """Give the JSON object in a body.

    Raises:
        RefusedError: when there is none.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            400, f"expected a body of JSON in UTF-8, found none ({error}): send an object"
        ) from error
    if not isinstance(content, dict):
        raise RefusedError(
            400, f"expected a JSON object, found {_describe(content)}: put the fields into {{}}"
        )
    return content


def read_texts(content: dict[str, Any], field: str, limits: Limits) -> list[str]:
    """Give the texts of a field, which holds one or a list of them.

    Raises:
        RefusedError: for anything else, for none, and for too many.
    """
    given = content.get(field)
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list):
        raise RefusedError(
            400, f"expected {field} to be a text or a list of texts, found {_describe(given)}", param=field
        )
    if not texts:
        raise RefusedError(
            400, f"expected {field} to hold a text, found an empty list: send one or more", param=field
        )
    if len(texts) > limits.max_inputs:
        raise RefusedError(
            400,
            f"expected up to {limits.max_inputs} texts in {field}, found {len(texts)}: send several requests",
            param=field,
        )
    if set(map(type, texts)) != {str}:
        raise _refuse_items(texts, field)
    return texts


def read_flag(content: dict[str, Any], field: str, *, default: bool) -> bool:
    """Give a field that is true or false; null is as if it was not there.

    Raises:
        RefusedError: for anything else.
    """
    value = content.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RefusedError(
            400, f"expected {field} to be true or false, found {_describe(value)}", param=field
        )
    return value


def read_dims(content: dict[str, Any], dim: int) -> int | None:
    """Give `dimensions`, up to the model's; None where it is not there.

    Raises:
        RefusedError: for anything else.
    """
    value = content.get("dimensions")
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= dim:
        raise RefusedError(
            400,
            f"expected dimensions to lie between 1 and the model's {dim}, found {_describe(value)}: leave it "
            "out for all",
            param="dimensions",
        )
    return value


def _refuse_items(texts: list[Any], field: str) -> RefusedError:
    """Say which item is no text."""
    index, item = next((index, item) for index, item in enumerate(texts) if not isinstance(item, str))
    is_ids = type(item) is int or (isinstance(item, list) and item and type(item[0]) is int)
    if is_ids:
        return RefusedError(400, _NO_TEXT.format(field=field), param=field)
    return RefusedError(400, f"expected {field}[{index}] to be a text, found {_describe(item)}", param=field)


def _describe(value: object) -> str:
    """Name a JSON value in a few words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{value!r:.60}"
