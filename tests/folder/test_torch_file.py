"""Tensors of pytorch_model.bin: read without torch, and nothing else is done with the file."""

from __future__ import annotations

import collections
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.torch_file import read_torch_tensors

WRITTEN_BY_TORCH = Path(__file__).parents[1] / "data/pytorch_model.bin"


def test_a_file_that_torch_wrote():
    """`torch.save` of arange(12).reshape(2, 6).T: its strides are none of a plain matrix."""
    tensors = read_torch_tensors(WRITTEN_BY_TORCH)
    assert list(tensors) == ["embedding.weight"]
    np.testing.assert_array_equal(tensors["embedding.weight"], np.arange(12).reshape(2, 6).T)
    assert tensors["embedding.weight"].dtype == np.float32


class Named:
    """What pickles as a call of a name with arguments, whatever the name is here."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def write(path: Path, content: bytes, **storages: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for key, raw in storages.items():
            archive.writestr(f"archive/data/{key.removeprefix('s')}", raw)
    return path


def tensor(kind: str, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Pickle a dictionary of one tensor, by hand: torch is not needed."""

    def texts(*values: str) -> bytes:
        return b"".join(pickle.BINUNICODE + len(v).to_bytes(4, "little") + v.encode() for v in values)

    def numbers(values: tuple[int, ...]) -> bytes:
        return (
            pickle.MARK + b"".join(b"J" + v.to_bytes(4, "little", signed=True) for v in values) + pickle.TUPLE
        )

    storage = (
        pickle.MARK
        + texts("storage")
        + b"ctorch\n"
        + kind.encode()
        + b"\n"
        + texts("0", "cpu")
        + b"K\x04"
        + pickle.TUPLE
        + pickle.BINPERSID
    )
    call = (
        b"ctorch._utils\n_rebuild_tensor_v2\n"
        + pickle.MARK
        + storage
        + b"J"
        + offset.to_bytes(4, "little", signed=True)
        + numbers(size)
        + numbers(stride)
        + pickle.TUPLE
        + pickle.REDUCE
    )
    return b"\x80\x02" + pickle.EMPTY_DICT + texts("w") + call + pickle.SETITEM + pickle.STOP


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("FloatStorage", np.arange(4, dtype="<f4"), [[0, 1], [2, 3]]),
        ("HalfStorage", np.arange(4, dtype="<f2"), [[0, 1], [2, 3]]),
        ("LongStorage", np.arange(4, dtype="<i8"), [[0, 1], [2, 3]]),
        ("BFloat16Storage", np.array([0x3F80, 0x4000, 0xBF80, 0], "<u2"), [[1, 2], [-1, 0]]),
    ],
)
def test_number_types(tmp_path, kind, raw, expected):
    path = write(tmp_path / "x.bin", tensor(kind, 0, (2, 2), (2, 1)), s0=raw.tobytes())
    np.testing.assert_array_equal(read_torch_tensors(path)["w"], expected)


def refuse(path: Path, message: str) -> None:
    with pytest.raises(FolderError, match=message):
        read_torch_tensors(path)


@pytest.mark.parametrize(
    "call", [(os.system, "echo run > RAN"), (eval, "1"), (getattr, "", "join"), (print, "x")]
)
def test_nothing_in_a_file_is_run(tmp_path, monkeypatch, capfd, call):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "x.bin", pickle.dumps({"w": Named(*call)}))
    refuse(
        path, f"found something else .the name .*{call[0].__name__}, which is none of a tensor's.: save the"
    )
    assert not Path("RAN").exists()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (5,), (1,)),
        (1, (2, 2), (2, 1)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2,), (9,)),
    ],
)
def test_a_tensor_that_reaches_beyond_its_storage(tmp_path, offset, size, stride):
    path = write(tmp_path / "x.bin", tensor("FloatStorage", offset, size, stride), s0=bytes(16))
    refuse(path, "a tensor that reaches beyond its storage")


def test_an_empty_tensor(tmp_path):
    path = write(tmp_path / "x.bin", tensor("FloatStorage", 0, (0, 4), (4, 1)), s0=b"")
    assert read_torch_tensors(path)["w"].shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1, 2]), "expected a state dict of tensors in .*, found a list"),
        (pickle.dumps(collections.OrderedDict(w="text")), "found a OrderedDict"),
        (pickle.dumps({"w": 1})[:-3], "found something else"),
        (b"", "found something else"),
        (tensor("FloatStorage", 0, (1,), (1,)), "found something else"),  # without its storage
        (tensor("QInt8Storage", 0, (1,), (1,)), "the name torch.QInt8Storage"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    refuse(write(tmp_path / "x.bin", content), message)


@pytest.mark.parametrize(
    "content", [b"", b"weights", pickle.dumps({"a": 1}), WRITTEN_BY_TORCH.read_bytes()[:900]]
)
def test_no_zip_file(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    refuse(
        tmp_path / "x.bin",
        "as `torch.save` writes them, in .*x.bin, found something else .*safe_serialization",
    )
