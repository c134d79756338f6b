"""Which files of a repository belong to a module: what its folder names is what is fetched."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import TABLE_NAME, TORCH_NAME
from m2v_onnx.system.text_files import read_json

# Weights of other libraries' making, which transformers does not load by itself.
_OTHERS = ("adapter_model*", "consolidated*", "training_args*")


def weight_files(files: Collection[str], place: str, folder: Path) -> list[str]:
    """Give the files of a module's weights: safetensors before what torch writes, whole or in shards.

    Args:
        files: the paths of all files in the repository.
        place: the path of the module in it; empty for the root.
        folder: a local folder that holds the index files already.
    """
    prefix = f"{place}/" if place else ""
    names = [name for name in files if name.startswith(prefix) and "/" not in name[len(prefix) :]]
    for whole, index in ((TABLE_NAME, f"{TABLE_NAME}.index.json"), (TORCH_NAME, f"{TORCH_NAME}.index.json")):
        if prefix + whole in names:
            return [prefix + whole]
        if prefix + index in names:
            return _shards(folder / f"{prefix}{index}", prefix)
    for pattern in ("*.safetensors", "*.bin"):
        found = [name for name in names if fnmatchcase(name[len(prefix) :], pattern)]
        found = [n for n in found if not any(fnmatchcase(n[len(prefix) :], other) for other in _OTHERS)]
        if found:
            return found
    return []


def _shards(index: Path, prefix: str) -> list[str]:
    shards = read_value(read_json(index, dict), "weight_map", dict, index, default={})
    return sorted({prefix + str(name) for name in shards.values()})
