"""How good a model is: tasks, their scores, and tables and plots of them. Needs the extra `eval`.

>>> from m2v_onnx.evaluation import evaluate, leaderboard
>>> results = evaluate({"mine": "my-model"}, data="data", tasks=["sts"])  # doctest: +SKIP
>>> print(leaderboard(results))  # doctest: +SKIP
"""

from m2v_onnx.errors import MissingExtraError

try:
    import scipy  # noqa: F401  # only to say which extra is missing
    import sklearn  # noqa: F401
except ImportError as error:
    raise MissingExtraError(error.name or "scikit-learn", "eval") from error

from m2v_onnx.evaluation.leaderboard import Summary, leaderboard, summarize
from m2v_onnx.evaluation.pipeline import evaluate
from m2v_onnx.evaluation.results import ModelResult
from m2v_onnx.evaluation.tasks.task import Encoder, Score

__all__ = ["Encoder", "ModelResult", "Score", "Summary", "evaluate", "leaderboard", "summarize"]
