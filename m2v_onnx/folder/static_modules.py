"""The modules of a static model that sentence-transformers made, folded into its table."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.dense import read_dense
from m2v_onnx.folder.names import MODULES_NAME, ST_CONFIG_NAME
from m2v_onnx.folder.sentence_transformers import Description, Module
from m2v_onnx.model.vectors import Table

logger = logging.getLogger(__name__)

_STATIC = "StaticEmbedding"
_REMEDIES = {
    "Transformer": "a transformer wants `m2v-onnx distill` first",
}
_REMEDY = "use the model through sentence-transformers"


@dataclass(frozen=True)
class Folded:
    """A table with everything in it that stands behind it.

    Attributes:
        table: (V, E), one row per token.
        normalize: whether the mean of rows is brought to length 1.
    """

    table: Table
    normalize: bool


def fold_modules(table: Table, description: Description) -> Folded:
    """Apply the modules behind a table, and what else a folder says of its vectors.

    A matrix and the mean commute, mean(E) W' + b = mean(E W' + b): a Dense module without activation gives a
    new table. A text without a token gets zeros, not b.

    Args:
        table: (V, D), one row per token.
        description: of the folder.

    Raises:
        FolderError: for a module, a prompt or an order of modules that no table can hold.
    """
    _check_prompts(description)
    normalize = description.encode.normalize
    for module in _modules_behind_table(description):
        if module.kind == "Dense":
            if normalize:
                raise _refusal(description, "Dense behind Normalize", "no Dense behind Normalize", _REMEDY)
            table = _fold_dense(table, module, description)
        elif module.kind == "Normalize":
            normalize = True
        elif module.kind != "Dropout":  # which does nothing to a trained model
            remedy = _REMEDIES.get(module.kind, _REMEDY)
            raise _refusal(description, module.kind, "StaticEmbedding, Dense and Normalize", remedy)
    return Folded(_cut(table, description, normalize=normalize), normalize)


def _modules_behind_table(description: Description) -> tuple[Module, ...]:
    kinds, route = description.kinds, description.route
    if route is not None:
        path = description.folder / MODULES_NAME
        logger.warning("%s: of its routes, %r is read, and not %s", path, route.name, ", ".join(route.others))
    if kinds and kinds[0] != _STATIC:
        raise _refusal(description, kinds[0], f"{_STATIC} first", _REMEDIES.get(kinds[0], _REMEDY))
    return description.modules[1:]


def _fold_dense(table: Table, module: Module, description: Description) -> Table:
    dense = read_dense(module.folder)
    if dense.activation != "Identity":
        raise _refusal(
            description, f"Dense with activation {dense.activation}", "Dense without activation", _REMEDY
        )
    weight = dense.weight if dense.residual is None else dense.weight + dense.residual
    if weight.shape[1] != table.shape[1]:
        raise FolderError(
            f"expected a matrix of {table.shape[1]} columns in {module.folder}, found {weight.shape[1]}: "
            "take all modules from the same model"
        )
    folded: Table = table.astype(np.float32) @ weight.T + dense.bias
    return folded


def _check_prompts(description: Description) -> None:
    prompts, default = description.encode.prompts, description.encode.default_prompt
    path = description.folder / ST_CONFIG_NAME
    if default is not None:
        raise FolderError(
            f"expected a static model without a prompt, found the default prompt {prompts[default]!r} "
            f"(default_prompt_name {default!r} in {path}), which a table cannot hold: set "
            "default_prompt_name to null, and put the prompt before each text yourself"
        )
    if prompts:
        logger.warning("%s: its prompts are yours to put before a text: %s", path, ", ".join(prompts))
    similarity = description.encode.similarity
    if similarity not in (None, "cosine"):
        logger.warning("%s: its vectors are to be compared by %s, not by cosine", path, similarity)


def _cut(table: Table, description: Description, *, normalize: bool) -> Table:
    dims = description.encode.truncate_dim
    if dims is None or dims >= table.shape[1]:
        return table
    if normalize:
        logger.warning(
            "%s: truncate_dim %d keeps the first columns; the vectors have length 1, where "
            "sentence-transformers cuts after it normalised: their directions are equal",
            *(description.folder / ST_CONFIG_NAME, dims),
        )
    return table[:, :dims]


def _refusal(description: Description, found: str, expected: str, remedy: str) -> FolderError:
    path = description.folder / MODULES_NAME
    return FolderError(
        f"expected modules that a table can hold ({expected}) in {path}, found {found}: {remedy}"
    )
