"""What a teacher's folder says, brought into a recipe; what no recipe takes is said by name."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from m2v_onnx.folder.names import CARD_NAME
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.teacher.loading import Teacher

logger = logging.getLogger(__name__)

_APPLIED_MODULES = {"Transformer", "Pooling", "Normalize", "Dropout"}


def settle_recipe(recipe: Recipe, teacher: Teacher, *, chosen: Collection[str]) -> Recipe:
    """Give the recipe with the teacher's pooling and prompt.

    A fitted table takes pooling, columns and all modules over by itself: it is fitted to what they give.

    Args:
        recipe: the choices of the user, and the recipe's own where there are none.
        teacher: whose settings to take over.
        chosen: the names of what the user chose.
    """
    description, name = teacher.description, teacher.name
    route = description.route
    if route is not None and route.is_default:
        logger.warning(
            "%s: of its routes, %r is distilled: router_path (--router-path) takes %s",
            *(name, route.name, " or ".join(route.others)),
        )
    left_out = sorted(set(description.kinds) - _APPLIED_MODULES)
    if left_out and recipe.sequences is None:
        logger.warning("%s: distilled without its module %s", name, ", ".join(left_out))
    if description.encode.truncate_dim is not None and recipe.sequences is None:
        logger.warning("%s: its truncate_dim is left to pca_dims (--pca-dims)", name)
    if description.encode.similarity not in (None, "cosine"):
        logger.warning("%s compares vectors by %s, not by cosine", name, description.encode.similarity)
    if teacher.provenance.license is None:
        _say_no_license(teacher)
    if recipe.pooling == "mean" and "pooling" not in chosen and recipe.sequences is None:
        recipe = _settle_pooling(recipe, teacher)
    return _settle_prompt(recipe, teacher)


def _say_no_license(teacher: Teacher) -> None:
    """Warn of a README without a license; a folder of one's own may well have none."""
    has_card = (teacher.description.folder / CARD_NAME).exists()
    logger.log(
        logging.WARNING if has_card else logging.INFO,
        "%s: %s, and so the model card says that no license is known",
        *(teacher.name, f"its {CARD_NAME} names no license" if has_card else f"it has no {CARD_NAME}"),
    )


def _settle_pooling(recipe: Recipe, teacher: Teacher) -> Recipe:
    pooling = teacher.description.pooling
    modes = ("mean",) if pooling is None else pooling.modes
    if modes == ("lasttoken",):
        logger.info("%s pools the last token: so does this distillation", teacher.name)
        return replace(recipe, pooling="last")
    if modes != ("mean",):
        logger.warning(
            "%s pools by %s: its tokens are pooled by their mean; pooling (--pooling) chooses",
            *(teacher.name, ", ".join(modes)),
        )
    return recipe


def _settle_prompt(recipe: Recipe, teacher: Teacher) -> Recipe:
    """Put the text of a prompt in the place of its name.

    A fit is to what the teacher says of texts, and that is with its default prompt; else that is but named.
    """
    encode = teacher.description.encode
    if recipe.prompt is not None:
        return replace(recipe, prompt=encode.prompts.get(recipe.prompt, recipe.prompt))
    if encode.default_prompt is not None and recipe.sequences is not None:
        prompt = encode.prompts[encode.default_prompt]
        logger.info("%s is fed its default prompt %r; an empty one leaves it out", teacher.name, prompt)
        return replace(recipe, prompt=prompt)
    if encode.default_prompt is not None:
        logger.warning(
            "%s has the default prompt %r: its tokens are fed without it; prompt (--prompt %s) puts it there",
            *(teacher.name, encode.prompts[encode.default_prompt], encode.default_prompt),
        )
    return recipe
