"""Classifiers, and better search, from one's own texts. Needs the extra `train`; `torch` needs `optimum`.

>>> from m2v_onnx import StaticModel
>>> from m2v_onnx.training import train_classifier
>>> model = StaticModel.from_pretrained("my-model")  # doctest: +SKIP
>>> classifier = train_classifier(model, ["so good", "so bad"], ["pos", "neg"])  # doctest: +SKIP
>>> classifier.predict("good")  # doctest: +SKIP
'pos'
"""

from m2v_onnx.errors import MissingExtraError

try:
    import scipy  # noqa: F401  # only to say which extra is missing
    import sklearn  # noqa: F401
except ImportError as error:
    raise MissingExtraError(error.name or "scikit-learn", "train") from error

from m2v_onnx.training.classification import train_classifier
from m2v_onnx.training.estimator import TextClassifier
from m2v_onnx.training.options import PairOptions, TrainingOptions
from m2v_onnx.training.pairs import train_pairs

__all__ = ["PairOptions", "TextClassifier", "TrainingOptions", "train_classifier", "train_pairs"]
