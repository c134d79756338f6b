import numpy as np
import numpy.typing as npt

def pool(
    table: npt.NDArray[np.float32],
    dim: int,
    rows: npt.NDArray[np.int32] | None,
    weights: npt.NDArray[np.float32] | None,
    counts: npt.NDArray[np.bool_],
    ids: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    normalize: bool,
    out: npt.NDArray[np.float32],
) -> None: ...
