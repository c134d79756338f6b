import numpy as np
import numpy.typing as npt

def kernels() -> list[str]: ...
def pool(
    kernel: str,
    table: npt.NDArray[np.float32] | npt.NDArray[np.int8],
    column_scale: npt.NDArray[np.float32] | None,
    dim: int,
    rows: npt.NDArray[np.int32] | None,
    factors: npt.NDArray[np.float32] | npt.NDArray[np.uint8] | None,
    counts: npt.NDArray[np.bool_],
    ids: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    normalize: bool,
    out: npt.NDArray[np.float32],
) -> None: ...
