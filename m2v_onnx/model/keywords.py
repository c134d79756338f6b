"""Arguments that other libraries have, and what does the same here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from m2v_onnx.errors import ArgumentError

_LEAVE_OUT = "leave it out: "
_ELSEWHERE = {
    "cache_dir": "set the variable HF_HOME, or load with cache_folder",
    "cache_folder": "set the variable HF_HOME",
    "chunk_size": "use batch_size",
    "convert_to_numpy": f"{_LEAVE_OUT}vectors are NumPy arrays",
    "convert_to_tensor": "call torch.from_numpy on the vectors",
    "device": f"{_LEAVE_OUT}static models run on the CPU; a teacher's provider is in execution=",
    "dimensionality": "load the model with dims",
    "force_download": f"{_LEAVE_OUT}what the Hub's cache holds is not fetched again",
    "multiprocessing_threshold": "use n_threads",
    "normalize": "a model normalises as its config says: load or distil it with normalize",
    "normalize_embeddings": "a model normalises as its config says: load or distil it with normalize",
    "num_workers": "use n_threads",
    "output_value": "use encode_as_sequence for the vectors of tokens",
    "pool": "use n_threads",
    "precision": "load the model with precision",
    "prompt": "put it in front of each text",
    "prompt_name": "put the prompt in front of each text",
    "quantize_to": "load with precision, or write with precisions",
    "sif_coef": "use sif_coefficient",
    "truncate_dim": "take the first columns of the vectors, or load the model with dims",
    "trust_remote_code": "pass source=TeacherSource(trust_remote_code=True)",
    "use_multiprocessing": "use n_threads",
    "vocabulary_quantization": "use m2v_onnx.model.smaller.quantize_vocabulary on the model",
}


def refuse_unknown(unknown: Mapping[str, object], allowed: Iterable[str]) -> None:
    """Refuse arguments that a function does not have.

    >>> refuse_unknown({}, ["pca_dims"])

    Raises:
        ArgumentError: naming the first, and what to write instead.
    """
    if not unknown:
        return
    from difflib import get_close_matches  # slow, and seldom needed

    names = sorted(allowed)
    for name in unknown:
        close = get_close_matches(name, names, n=1)
        remedy = f"use {close[0]}" if close else _ELSEWHERE.get(name, f"use some of {', '.join(names)}")
        raise ArgumentError(f"expected an argument that there is, found {name!r}: {remedy}")
