"""The Router of sentence-transformers, once called Asym: models in one folder, of which a text takes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME, ROUTER_NAME
from m2v_onnx.system.text_files import read_json

ROUTERS = ("Router", "Asym")


@dataclass(frozen=True)
class Route:
    """A way through a Router.

    Attributes:
        name: what the Router calls it, such as `query`.
        others: the names of its other routes.
        is_default: whether it is taken because the Router names it, and no caller did.
        modules: the type of each module, and its path below the Router, in order.
    """

    name: str
    others: tuple[str, ...]
    is_default: bool
    modules: tuple[tuple[str, str], ...]


def read_route(folder: Path, name: str | None) -> Route:
    """Read one route; where no name is given the default, which a text without a task takes.

    Source: `Router.load` and `Router._resolve_route` of sentence-transformers 6.2.

    Args:
        folder: of the Router module.
        name: of the route; None for the default.

    Raises:
        FolderError: when there is no such route, no default, or the file is missing or damaged.
    """
    path = folder / ROUTER_NAME
    if not path.exists():  # up to sentence-transformers 4
        path = folder / CONFIG_NAME
    if not path.exists():
        raise FolderError(
            f"expected {ROUTER_NAME} of the Router in {folder}, found none: fetch the whole model"
        )
    content = read_json(path, dict)
    types, structure, parameters = (
        read_value(content, key, dict, path, default={}) for key in ("types", "structure", "parameters")
    )
    taken = _find_default(structure, parameters) if name is None else name
    if taken is None or taken not in structure:
        found = "no default" if taken is None else repr(taken)
        raise FolderError(
            f"expected a route among {', '.join(structure) or 'none'} of {path}, found {found}: name one as "
            "router_path (--router-path) of a distillation"
        )
    ids = structure[taken]
    if not isinstance(ids, list) or not all(isinstance(types.get(str(i)), str) for i in ids):
        raise FolderError(
            f"route {taken!r} in {path} must be a list of modules with types, found {ids!r:.60}"
        )
    modules = tuple((types[module_id], module_id) for module_id in ids)
    return Route(taken, tuple(key for key in structure if key != taken), name is None, modules)


def _find_default(structure: dict[str, object], parameters: dict[str, object]) -> str | None:
    """Give the route of a text without a task; None where mappings decide, or nothing does."""
    if parameters.get("route_mappings"):
        return None
    if "text" in structure:  # the modality of a text
        return "text"
    default = parameters.get("default_route")
    if default is None and parameters.get("allow_empty_key", True):
        return next(iter(structure), None)
    return None if default is None else str(default)
