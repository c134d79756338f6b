"""A model's folder on the Hugging Face Hub: down, and up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from m2v_onnx.errors import FolderError, M2vOnnxError, check_choice
from m2v_onnx.folder.names import (
    CARD_NAME,
    CONFIG_NAME,
    GRAPH_PATTERNS,
    IDS_STEM,
    MODULES_NAME,
    READ_FILES,
    ROUTER_NAME,
    ST_CONFIG_NAME,
    TOKENIZER_NAME,
    graph_places,
    is_model_entry,
)
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.folder.sentence_transformers import read_description
from m2v_onnx.folder.wanted_files import weight_files
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.system.hub import (
    HubPlace,
    Upload,
    check_repo_id,
    find_repository,
    looks_like_hub_id,
    upload_folder,
)
from m2v_onnx.system.text_files import readable

logger = logging.getLogger(__name__)

# What says which other files a model has.
_DESCRIPTION_FILES = (
    CARD_NAME,
    CONFIG_NAME,
    MODULES_NAME,
    ST_CONFIG_NAME,
    f"*/{CONFIG_NAME}",
    f"*{ROUTER_NAME}",
)


def download_model(path_or_id: str | Path, place: HubPlace, *, precision: Precision | None = None) -> Path:
    """Download a static model that is no local folder or file; give the folder where it lies then.

    The ids graph of one precision comes along, by default the float32 one.

    Raises:
        FolderError: when there is no such folder or repository.
    """
    if precision is not None:
        check_choice("precision", precision, PRECISIONS)
    if not looks_like_hub_id(str(path_or_id)):
        path = Path(path_or_id).expanduser()
        raise FolderError(f"expected a static model's folder or a Hub id, found nothing at {path}")
    try:
        repository = find_repository(str(path_or_id), place)
        folder = repository.fetch(_DESCRIPTION_FILES)
        needed = _module_files(repository.files, folder)
        repository.check_whole(*needed)
        wanted = [*READ_FILES, *needed, *graph_places(IDS_STEM, precision or "fp32")]
        return repository.fetch([*_DESCRIPTION_FILES, *wanted])
    except M2vOnnxError as error:
        raise FolderError(str(error)) from error


def upload_model(path: Path, upload: Upload, *, everything: bool = False) -> str:
    """Upload a static model's folder to the Hub, with every graph in it; give the commit's address.

    Only what belongs to a model and its card are sent. Other files are named in a warning, and sent with
    `everything`; hidden ones never are. No link out of the folder is followed. Graphs in the repository that
    the folder does not hold are removed: they are an older model's, and would give other vectors than the new
    table. Further errors are those of `m2v_onnx.system.hub.upload_folder`.

    Raises:
        FolderError: when the folder is none of a static model, or a file of it is a link out of the folder;
            nothing is sent then.
    """
    path = path.expanduser()
    if not is_model_folder(path):
        raise FolderError(
            f"expected the folder of a static model, found none at {path}: write one with "
            "`m2v-onnx distill` or `m2v-onnx export`"
        )
    with readable(path):
        files = _files_to_send(path, everything=everything)
    return upload_folder(path, upload, files=files, replaced=GRAPH_PATTERNS)


def upload_saved(save: Callable[[Path], None], upload: Upload) -> str:
    """Upload a folder that is written for it alone: see `upload_model`.

    Args:
        save: writes a model's folder.
        upload: the repository.

    Raises:
        ArgumentError: when no repository can have this name; nothing is written then.
    """
    check_repo_id(upload.repo_id)
    with TemporaryDirectory() as parent:
        folder = Path(parent) / upload.repo_id.rpartition("/")[-1]
        save(folder)
        return upload_model(folder, upload)


def _files_to_send(folder: Path, *, everything: bool) -> list[str]:
    """Give the files of a model's folder; name in a warning what is left out."""
    sent: list[str] = []
    left_out: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        is_model = is_model_entry(entry) or entry.name == CARD_NAME
        for file in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            name = file.relative_to(folder)
            if file.is_dir() or any(part.startswith(".") for part in name.parts):
                continue
            is_inside = file.is_file() and file.resolve().is_relative_to(folder.resolve())
            if is_model and not is_inside:
                raise FolderError(
                    f"expected files of the model in {folder}, found a link out of it, {name}: put a copy of "
                    "the file in its place"
                )
            (sent if is_inside and (is_model or everything) else left_out).append(name.as_posix())
    if left_out:
        remedy = "no files of this folder" if everything else "send them with --all"
        logger.warning("%s: left out %s: %s", folder, ", ".join(left_out), remedy)
    return sent


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
