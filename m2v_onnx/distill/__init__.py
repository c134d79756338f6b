"""Distillation: a Sentence Transformer in, a static model out. Needs the extra `distill`.

A teacher that holds no ONNX of itself needs the extra `optimum` once, to export it.
"""

from m2v_onnx.distill.pipeline import distill
from m2v_onnx.distill.refit import fit
from m2v_onnx.model.recipe import RECIPES, Recipe
from m2v_onnx.teacher.options import Execution, TeacherSource

__all__ = ["RECIPES", "Execution", "Recipe", "TeacherSource", "distill", "fit"]
