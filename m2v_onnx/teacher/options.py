"""Where a teacher comes from, and how it runs: what a user may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from m2v_onnx.errors import ArgumentError, check_choice, check_positive
from m2v_onnx.system.cores import count_cores

OnnxMode = Literal["auto", "reuse", "export"]
Provider = Literal["auto", "cpu", "cuda", "coreml"]
TeacherPrecision = Literal["auto", "float32", "int8"]


@dataclass(frozen=True)
class TeacherSource:
    """Where a teacher comes from.

    Attributes:
        revision: branch, tag or commit of the Hub repository.
        token: the Hub token for a private repository; by default the one of `hf auth login`.
        onnx: `reuse` takes the ONNX file that the folder or repository holds, `export` makes one with
            optimum, `auto` reuses where it can.
        trust_remote_code: run the model code that the repository ships, when exporting.
        router_path: which way through the Router of a teacher that is several models, such as `query`; None
            for the one that the Router names.
    """

    revision: str | None = None
    token: str | None = None
    onnx: OnnxMode = "auto"
    trust_remote_code: bool = False
    router_path: str | None = None

    def __post_init__(self) -> None:
        check_choice("teacher_onnx", self.onnx, get_args(OnnxMode))


@dataclass(frozen=True)
class Execution:
    """How a teacher runs.

    Attributes:
        provider: onnxruntime's execution provider; `auto` takes CUDA where it loads, else the CPU.
        device_id: which GPU, for CUDA.
        batch_size: token sequences per run; None for what is fastest on the provider.
        n_threads: runs side by side on the CPU; None for every core that this process may use.
        precision: the numbers of its products while a table is fitted on the CPU: `float32`, `int8`, which
            takes half the time, or `auto` for int8 where its vectors are near enough.
    """

    provider: Provider = "auto"
    device_id: int = 0
    batch_size: int | None = None
    n_threads: int | None = None
    precision: TeacherPrecision = "auto"

    def __post_init__(self) -> None:
        check_choice("provider", self.provider, get_args(Provider))
        check_choice("teacher_precision", self.precision, get_args(TeacherPrecision))
        check_positive(batch_size=self.batch_size, n_threads=self.n_threads)
        if self.precision == "int8" and self.provider not in ("auto", "cpu"):
            raise ArgumentError(
                f"expected the provider cpu for a teacher in int8, found {self.provider}: leave out one of "
                "both (--teacher-precision, --provider)"
            )
        if self.device_id != 0 and (self.device_id < 0 or self.provider in ("cpu", "coreml")):
            raise ArgumentError(
                f"expected the number of a GPU for CUDA, from 0, found {self.device_id} for the provider "
                f"{self.provider}: leave it out (--device-id), or pass --provider cuda"
            )

    @property
    def n_workers(self) -> int:
        """Runs side by side."""
        return self.n_threads or count_cores()
