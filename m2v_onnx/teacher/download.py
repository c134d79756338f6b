"""A teacher's repository on the Hub: what its modules name is what is fetched."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from m2v_onnx.errors import M2vOnnxError, TeacherError
from m2v_onnx.folder.sentence_transformers import Description, read_description
from m2v_onnx.folder.wanted_files import weight_files
from m2v_onnx.system.hub import HubPlace, Repository, find_repository
from m2v_onnx.system.onnx_file import external_data_names
from m2v_onnx.teacher.options import TeacherSource

ONNX_NAMES = ("onnx/model.onnx", "model.onnx")
_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.py", "README.md")
# Modules behind the transformer that have weights.
_WITH_WEIGHTS = ("Dense", "LayerNorm")


def download_teacher(repo_id: str, source: TeacherSource) -> Path:
    """Give the local folder of a teacher on the Hub, with its ONNX file where it has one, else its weights.

    Raises:
        TeacherError: when there is no such repository, it cannot be reached, or no graph is in the file.
    """
    try:
        repository = find_repository(repo_id, HubPlace(source.revision, source.token))
        folder = repository.fetch(_SMALL_FILES)
        description = read_description(folder, router_path=source.router_path)
        place = _place(description.transformer_folder, folder)
        onnx_places = [_place(onnx_folder, folder) for onnx_folder in description.onnx_folders]
        onnx_name = None if source.onnx == "export" else _find_onnx(repository.files, onnx_places)
        wanted = [
            name
            for module in _weighted(description)
            for name in weight_files(repository.files, _place(module, folder), folder)
        ]
        if onnx_name is None:
            wanted += weight_files(repository.files, place, folder) or [
                f"{place}/model.safetensors".lstrip("/")
            ]
        else:
            _fetch_graph(repository, onnx_name)
        repository.check_whole(*wanted)
        return repository.fetch([*_SMALL_FILES, *wanted])
    except M2vOnnxError as error:
        raise TeacherError(str(error)) from error


def _weighted(description: Description) -> list[Path]:
    return [module.folder for module in description.modules if module.kind in _WITH_WEIGHTS]


def _place(folder: Path, root: Path) -> str:
    return folder.relative_to(root).as_posix().removeprefix(".")


def _find_onnx(files: tuple[str, ...], places: list[str]) -> str | None:
    """Give the ONNX file in the first place that has one: of a usual name, or the only one."""
    for prefix in (f"{place}/".lstrip("/") for place in places):
        for name in ONNX_NAMES:
            if prefix + name in files:
                return prefix + name
        only = [
            name
            for name in files
            if PurePosixPath(name).match("*.onnx") and name.rpartition("/")[0] == prefix.rstrip("/")
        ]
        if len(only) == 1:
            return only[0]
    return None


def _fetch_graph(repository: Repository, name: str) -> None:
    """Fetch a graph, then the files that it keeps its weights in, whatever they are called."""
    folder = repository.fetch([name])
    parent = PurePosixPath(name).parent
    data = [(parent / other).as_posix() for other in external_data_names(folder / name)]
    repository.check_whole(*data)
    if data:
        repository.fetch(data)
