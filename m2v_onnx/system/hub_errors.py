"""What huggingface_hub raises while it looks for a repository, in words of our own."""

from __future__ import annotations

import sys
from http import HTTPStatus

from m2v_onnx.errors import NO_ROOM, M2vOnnxError


def hub_errors() -> tuple[type[Exception], ...]:
    """Give what huggingface_hub raises: OSErrors up to 0.36, since then those of its HTTP library as well."""
    libraries = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (OSError, ValueError, *(library.HTTPError for library in libraries if library is not None))


class UnreachableError(M2vOnnxError):
    """The Hub does not answer, or nobody may ask it."""


def not_found(repo_id: str, revision: str | None, error: Exception) -> M2vOnnxError:
    """Say why a repository cannot be had: it is not there, or gated, or the Hub or the disk is at fault."""
    from huggingface_hub import constants, errors  # slow

    where = repr(repo_id if revision is None else f"{repo_id} at revision {revision}")
    reasons = {
        errors.GatedRepoError: "it is gated: accept its conditions on its page, and `hf auth login`",
        errors.RevisionNotFoundError: "no such revision: name a branch, a tag or a commit of it",
        errors.RepositoryNotFoundError: "no such repository: check the spelling; a private one needs a token "
        "(`hf auth login`)",
        errors.HFValidationError: "no repository can have this name: check the spelling",
    }
    reason = next((said for kind, said in reasons.items() if isinstance(error, kind)), None)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if (
        status == HTTPStatus.NOT_FOUND and reason is None
    ):  # a mirror need not say what it is that is not there
        reason = reasons[errors.RepositoryNotFoundError]
    if reason is not None:
        return M2vOnnxError(
            f"expected a local folder or a Hugging Face Hub id, found neither for {where}; {reason}"
        )
    if status is not None:
        return M2vOnnxError(
            f"expected {where} from the Hugging Face Hub, found HTTP {status}: try again later"
        )
    if isinstance(error, OSError) and (error.filename is not None or error.errno in NO_ROOM):
        return M2vOnnxError(
            f"expected to write {where} into the Hub's cache, found {error.strerror} at "
            f"{error.filename or constants.HF_HUB_CACHE}: "
            "make room, or set the variable HF_HOME to a folder that you may write"
        )
    cause = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else type(error).__name__
    return UnreachableError(
        f"expected {where} in a local folder or in the Hub's cache, found it in neither, and the Hub cannot "
        f"be reached ({cause}): check the network, or name a folder"
    )
