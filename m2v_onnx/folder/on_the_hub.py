"""A model's folder on the Hugging Face Hub: down, and up."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.errors import FolderError, M2vOnnxError
from m2v_onnx.folder.names import GRAPH_PATTERNS, IDS_STEM, READ_FILES, graph_places
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.model.quantization import Precision
from m2v_onnx.system.hub import Upload, download_folder, looks_like_hub_id, upload_folder


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
    path = Path(path_or_id)
    if path.exists():
        return path
    if not looks_like_hub_id(str(path_or_id)):
        raise FolderError(f"expected a static model's folder or a Hub id, found nothing at {path}")
    try:
        wanted = [*READ_FILES, *graph_places(IDS_STEM, precision or "fp32")]
        return download_folder(str(path_or_id), wanted, revision=revision, token=token)
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
