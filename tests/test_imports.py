"""What an import costs, and which names are public."""

from __future__ import annotations

import subprocess
import sys

import pytest

import m2v_onnx
from m2v_onnx import distill

HEAVY = ("torch", "transformers", "optimum", "sklearn", "scipy", "onnx", "pandas", "matplotlib")


def loaded_modules(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_the_import_alone_loads_nothing():
    assert not {*HEAVY, "onnxruntime", "numpy", "tokenizers", "huggingface_hub", "rich"} & loaded_modules(
        "import m2v_onnx"
    )


def test_loading_a_local_model_and_encoding_loads_nothing_heavy(folder):
    code = f"from m2v_onnx import StaticModel; StaticModel.from_pretrained({str(folder)!r})"
    modules = loaded_modules(f"{code}.encode('sun')")
    assert not {*HEAVY, "onnxruntime", "huggingface_hub", "rich", "typer"} & modules
    assert modules == loaded_modules(f"{code}.encode(['sun'] * 1000)")
    modules = loaded_modules(f"{code}.encode(['sun'] * 5000)")
    assert not {*HEAVY, "onnxruntime", "huggingface_hub", "rich"} & modules
    without_c = "import sys; sys.modules['m2v_onnx.native._row_sums'] = None"
    modules = loaded_modules(f"{without_c}; {code}.encode(['sun'] * 5000)")
    assert "onnxruntime" in modules
    assert not {*HEAVY, "huggingface_hub", "rich"} & modules


def test_the_stages_of_a_distillation_import_without_torch():
    assert not {"torch", "transformers", "optimum", "onnx"} & loaded_modules("import m2v_onnx.distill")


def test_public_names():
    assert dir(m2v_onnx) == ["Classifier", "M2vOnnxError", "StaticModel", "TextGraph", "__version__"]
    with pytest.raises(AttributeError, match="module 'm2v_onnx' has no attribute 'encode'"):
        _ = m2v_onnx.encode
    assert {"RECIPES", "Execution", "Recipe", "TeacherSource", "distill", "fit"} == set(distill.__all__)


def test_the_adapter_of_mteb_draws_nothing():
    code = "import sys; sys.modules['matplotlib'] = None; import m2v_onnx.evaluation.mteb_adapter"
    assert "m2v_onnx" in loaded_modules(code)  # else the import has failed


@pytest.mark.parametrize(
    ("blocked", "code", "extra"),
    [
        ("onnx", "StaticModel.from_pretrained({folder!r}).save_pretrained({folder!r})", "export"),
        ("scipy", "import m2v_onnx.evaluation", "eval"),
        ("matplotlib", "import m2v_onnx.evaluation.command", "eval"),
        ("sklearn", "distill({teacher!r}, pca_dims=2)", "distill"),
        ("sklearn", "import m2v_onnx.training", "train"),
        ("scipy", "import m2v_onnx.training", "train"),
    ],
)
def test_a_missing_extra_is_named(folder, teacher, blocked, code, extra):
    script = (
        f"import sys; sys.modules[{blocked!r}] = None\n"
        "from m2v_onnx import StaticModel, M2vOnnxError; from m2v_onnx.distill import distill\n"
        f"try: {code.format(folder=str(folder), teacher=str(teacher))}\n"
        "except M2vOnnxError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f'run `pip install "m2v-onnx[{extra}]"`' in result.stdout
