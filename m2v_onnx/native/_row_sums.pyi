import numpy as np
import numpy.typing as npt

def kernels() -> list[str]: ...

class RowSums:
    def __init__(
        self,
        kernel: str,
        table: npt.NDArray[np.float32] | npt.NDArray[np.int8],
        dim: int,
        counts: npt.NDArray[np.bool_],
        /,
        *,
        normalize: bool = False,
        column_scale: npt.NDArray[np.float32] | None = None,
        rows: npt.NDArray[np.int32] | None = None,
        factors: npt.NDArray[np.float32] | npt.NDArray[np.uint8] | None = None,
    ) -> None: ...
    def mean(
        self,
        ids: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        out: npt.NDArray[np.float32],
        /,
    ) -> None: ...
