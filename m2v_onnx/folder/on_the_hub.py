"""A model's folder on the Hugging Face Hub: down, and up."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from m2v_onnx.errors import FolderError, M2vOnnxError, check_choice
from m2v_onnx.folder.names import (
    CARD_NAME,
    CONFIG_NAME,
    GRAPH_PATTERNS,
    IDS_STEM,
    MODULES_NAME,
    READ_FILES,
    ST_CONFIG_NAME,
    TOKENIZER_NAME,
    graph_places,
)
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.folder.sentence_transformers import read_description
from m2v_onnx.folder.wanted_files import weight_files
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.system.hub import Upload, find_repository, looks_like_hub_id, upload_folder
from m2v_onnx.system.text_files import readable

# What says which other files a model has.
_SAYING_FILES = (CARD_NAME, CONFIG_NAME, MODULES_NAME, ST_CONFIG_NAME, f"*/{CONFIG_NAME}")


def download_model(
    path_or_id: str | Path,
    *,
    precision: Precision | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> Path:
    """Give the local folder or file of a static model, downloading it when it is a Hub id.

    The ids graph of one precision comes along, by default the float32 one.

    Raises:
        FolderError: when there is no such folder or repository.
    """
    if precision is not None:
        check_choice("precision", precision, PRECISIONS)
    path = Path(path_or_id).expanduser()
    with readable(path):
        if path.exists():
            return path
    if not looks_like_hub_id(str(path_or_id)):
        raise FolderError(f"expected a static model's folder or a Hub id, found nothing at {path}")
    try:
        repository = find_repository(str(path_or_id), revision=revision, token=token)
        folder = repository.fetch(_SAYING_FILES)
        needed = _module_files(repository.files, folder)
        repository.check_whole(*needed)
        wanted = [*READ_FILES, *needed, *graph_places(IDS_STEM, precision or "fp32")]
        return repository.fetch([*_SAYING_FILES, *wanted])
    except M2vOnnxError as error:
        raise FolderError(str(error)) from error


def upload_model(path: Path, upload: Upload) -> str:
    """Upload a static model's folder to the Hub as it is, with every graph in it; give the commit's address.

    Graphs in the repository that the folder does not hold are removed: they are an older model's, and would
    give other vectors than the new table. Further errors are those of `m2v_onnx.system.hub.upload_folder`.

    Raises:
        FolderError: when the folder is none of a static model; nothing is sent then.
    """
    if not is_model_folder(path):
        raise FolderError(
            f"expected the folder of a static model, found none at {path}: write one with "
            "`m2v-onnx distill` or `m2v-onnx export`"
        )
    return upload_folder(path, upload, replaced=GRAPH_PATTERNS)


def _module_files(files: Collection[str], folder: Path) -> list[str]:
    """Give the table, the tokenizer and the weights of a static model's modules, wherever they lie."""
    found = []
    for module in read_description(folder).modules:
        place = module.folder.relative_to(folder).as_posix().removeprefix(".")
        if module.kind in ("StaticEmbedding", "Dense"):
            found += weight_files(files, place, folder)
        if module.kind == "StaticEmbedding":
            found.append(f"{place}/{TOKENIZER_NAME}".lstrip("/"))
    return found
