"""What may be chosen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from m2v_onnx.errors import ArgumentError, check_choice, check_positive
from m2v_onnx.model.classification_head import Label, Problem

Learner = Literal["auto", "frozen", "terms", "table"]
ClassWeight = Literal["balanced"] | Mapping[Label, float]


@dataclass(frozen=True)
class TrainingOptions:
    """How a classifier is trained.

    Attributes:
        learner: `frozen` is a linear layer on the static vector alone, `terms` one on vector, tokens and
            pairs of tokens, `table` trains the table, too. `auto` takes `frozen` or `terms`, whichever does
            better on held-out texts.
        problem: `single_label`, `multi_label` or `regression`; None for the first, or for the second where
            labels are lists.
        pairs: let pairs of neighbouring tokens count.
        class_weight: a factor for the rows of each label; `balanced` makes all labels weigh the same.
        strict: refuse labels with one example.
        small: fold the head into a table with a column for each label, whose mean is no unit vector: smaller
            files, for a little accuracy (docs/training.md). Not with the learner `table`.
        seed: of splits and draws.

    Raises:
        ArgumentError: for a value that is none of these.
    """

    learner: Learner = "auto"
    problem: Problem | None = None
    pairs: bool = True
    class_weight: ClassWeight | None = None
    strict: bool = False
    small: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("learner", self.learner, get_args(Learner))
        if self.problem is not None:
            check_choice("problem", self.problem, get_args(Problem))
        _check_seed(self.seed)
        for name in ("pairs", "strict", "small"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentError(f"{name} must be True or False, found {getattr(self, name)!r:.60}")
        if self.small and self.learner == "table":
            raise ArgumentError(
                "small folds the table away that the learner table trains: take another learner"
            )
        weights = self.class_weight
        if isinstance(weights, str):
            check_choice("class_weight", weights, ("balanced",))
        elif weights is not None and not isinstance(weights, Mapping):
            raise ArgumentError(
                f"class_weight must be balanced, or a factor by label, found {type(weights).__name__}"
            )
        elif weights is not None:
            for label, factor in weights.items():
                if not isinstance(factor, Real) or not 0 < factor < float("inf"):
                    raise ArgumentError(
                        f"class_weight must hold numbers above 0, found {factor!r} for {label!r}"
                    )


@dataclass(frozen=True)
class PairOptions:
    """How a model is trained from pairs of texts.

    Attributes:
        dims: also train the first columns alone, so many each (Kusupati et al. 2022, Matryoshka); a model
            cut to them loses less. Empty for all columns alone.
        n_epochs: how often each pair is seen.
        held_out: the share of the pairs that decides whether the new table is better.
        seed: of split, order and dropout.

    Raises:
        ArgumentError: for a number out of its range.
    """

    dims: tuple[int, ...] = ()
    n_epochs: int = 4
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(n_epochs=self.n_epochs)
        if not isinstance(self.dims, tuple | list):
            raise ArgumentError(f"dims must be a tuple, such as (64, 128), found {self.dims!r:.40}")
        for dim in self.dims:
            check_positive(dims=dim)
        if not 0 < self.held_out < 1:
            raise ArgumentError(f"held_out must lie between 0 and 1, found {self.held_out}")
        _check_seed(self.seed)


def _check_seed(seed: object) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 32:
        raise ArgumentError(f"seed must be a whole number from 0 to {(1 << 32) - 1}, found {seed!r}")
