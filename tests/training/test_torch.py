"""Fine-tuning in torch: a static model whose table gets gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError
from m2v_onnx.training.torch import TrainableModel
from tests.builders import tiny_model
from tests.training.builders import reviews, word_model

TEXTS = ["sun moonlight!", "", "comet", "moon"]


@pytest.mark.parametrize("normalize", [True, False])
def test_it_gives_what_encode_gives(normalize):
    model = tiny_model(normalize=normalize)
    trainable = TrainableModel(model)
    ids, offsets = trainable.tokenize(TEXTS)
    assert (ids.tolist(), offsets.tolist()) == ([2, 3, 4, 5, 3], [0, 4, 4, 4])
    found = trainable(ids, offsets).detach().numpy()
    np.testing.assert_allclose(found, model.encode(TEXTS), atol=1e-6)
    np.testing.assert_array_equal(trainable.encode(TEXTS).detach().numpy(), found)


def test_a_fine_tuning_loop_learns_saves_and_exports(tmp_path):
    # A head of one's own, trained with the table.
    texts, labels = reviews(64)
    model = TrainableModel(word_model())
    head = torch.nn.Linear(8, 2)
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=0.05)
    targets = torch.tensor([int(label == "liked") for label in labels])
    losses = []
    for _ in range(30):
        ids, offsets = model.tokenize(texts)
        loss = torch.nn.functional.cross_entropy(head(model(ids, offsets)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2

    tuned = model.to_static_model()
    np.testing.assert_allclose(tuned.encode(texts), model.encode(texts).detach().numpy(), atol=1e-6)
    assert not np.array_equal(tuned.table, word_model().table)
    tuned.save_pretrained(tmp_path / "tuned", graphs=["ids"], precisions=["fp32"])
    loaded = StaticModel.from_pretrained(tmp_path / "tuned")
    np.testing.assert_array_equal(loaded.encode(texts), tuned.encode(texts))
    again = TrainableModel.from_pretrained(tmp_path / "tuned")
    np.testing.assert_allclose(again.encode(texts).detach().numpy(), tuned.encode(texts), atol=1e-6)


def test_sparse_gradients_touch_the_rows_of_a_batch_alone():
    model = TrainableModel(word_model(), sparse=True)
    before = model.embedding.weight.detach().clone()
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.1)
    (model.encode(["good film"]) - 1).square().sum().backward()
    assert model.embedding.weight.grad.is_sparse
    optimizer.step()
    moved = (model.embedding.weight != before).any(dim=1).nonzero().flatten().tolist()
    token = model.to_static_model().tokenizer.token_to_id
    assert moved == sorted([token("good"), token("film")])


def test_the_model_it_is_made_of_does_not_change():
    static = word_model()
    before = static.table.copy()
    model = TrainableModel(static)
    with torch.no_grad():
        model.embedding.weight += 1
    np.testing.assert_array_equal(static.table, before)
    with pytest.raises(ArgumentError, match=r"texts\[1\] must be a string"):
        model.tokenize(["sun", 3])
