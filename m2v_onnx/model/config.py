"""What a static model knows about itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from m2v_onnx.model.recipe import Recipe

DEFAULT_MAX_LENGTH = 512
UnknownTokens = Literal["skip", "count"]


@dataclass(frozen=True)
class Provenance:
    """What the model card of a model's origin says, in the Hub's words; None where it says nothing.

    Attributes:
        base_model: the model that it was made from.
        license: the license's identifier; `other` where it has but a name.
        license_name: the name of another license.
        license_link: where its text lies.
        language: the languages, by their codes.
    """

    base_model: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    language: tuple[str, ...] = ()

    def with_teacher(self, teacher: Provenance) -> Provenance:
        """Give what is said of this model once it is fitted to a teacher: the licenses of both hold.

        >>> Provenance(license="mit").with_teacher(Provenance(license="apache-2.0")).license_name
        'mit, and apache-2.0 of the teacher'
        """
        languages = tuple(dict.fromkeys((*self.language, *teacher.language)))
        ours, theirs = self.license_name or self.license, teacher.license_name or teacher.license
        if ours == theirs or ours is None or theirs is None:
            is_known = ours is not None and theirs is not None
            terms = self if is_known else Provenance()  # of one alone it must not be said
        else:
            terms = Provenance(license="other", license_name=f"{ours}, and {theirs} of the teacher")
        return replace(terms, base_model=teacher.base_model, language=languages)


@dataclass(frozen=True)
class ModelConfig:
    """How a static model encodes, and where it came from.

    Attributes:
        normalize: whether `encode` gives unit vectors.
        max_length: tokens of a text that count; None for all.
        cut_characters: whether a text is first cut to the characters that `max_length` tokens have on the
            median, as model2vec does; sentence-transformers does not.
        unknown: whether unknown and special tokens are left out of the mean (`skip`, as in model2vec) or
            `count` like any other, as in a StaticEmbedding that sentence-transformers trained.
        teacher: the name of the model it was distilled from.
        recipe: the choices it was distilled with; None for a model made elsewhere.
        provenance: license, language and base model.
    """

    normalize: bool = False
    max_length: int | None = DEFAULT_MAX_LENGTH
    cut_characters: bool = True
    unknown: UnknownTokens = "skip"
    teacher: str | None = None
    recipe: Recipe | None = None
    provenance: Provenance = Provenance()
