"""A distillation with the two peculiarities of model2vec 0.10.0 that m2v-onnx does not copy.

They are a teacher run in float16, and a Unigram tokenizer that keeps its `unk_id`; see docs/parity.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from m2v_onnx import StaticModel
from m2v_onnx.distill.reduction import reduce_dimensions
from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.distill.weighting import weigh_tokens
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import RECIPES, PcaDims
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.teacher.embedding import pool_hidden_states
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.tokenizer.token_ids import TokenIds

# Each kernel rounds float16 in its own way. The golden's, found by trying: oneDNN without instructions for
# float16, and the code of MKL that is the same on every CPU.
KERNELS = {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
BATCH_POSITIONS = 3072  # large: the threads of torch share a batch


def distill_as_model2vec(teacher: Path, *, pca_dims: PcaDims) -> StaticModel:
    """Distil with the stages of m2v-onnx, but run the teacher in float16, and leave `unk_id` where it was.

    Needs torch, not yet imported, on x86-64 with AVX2; its kernels stay chosen for the rest of the process.

    Args:
        teacher: a folder with float16 weights and a Unigram tokenizer.
        pca_dims: see `Recipe.pca_dims`.
    """
    recipe = replace(RECIPES["model2vec-0.10"], pca_dims=pca_dims)
    loaded = load_teacher(teacher)
    tokens = build_vocabulary(loaded, recipe)
    table = reduce_dimensions(embed_in_float16(teacher, tokens.teacher_ids), pca_dims=recipe.pca_dims)
    table *= weigh_tokens(len(table), recipe).astype(np.float32)[:, None]
    tokenizer = keep_unk_id(tokens.tokenizer, loaded.tokenizer)
    return StaticModel(table=table, tokenizer=tokenizer, config=ModelConfig(normalize=recipe.normalize))


def embed_in_float16(teacher: Path, sequences: TokenIds) -> Vectors:
    """Give (V, d) float32: the means of the hidden states that torch computes in float16."""
    os.environ.update(KERNELS)
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(teacher, dtype=torch.float16).eval()
    vectors = np.empty((len(sequences), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for indices in sequences.batches(BATCH_POSITIONS):
            input_ids = torch.from_numpy(sequences.rows(indices))
            hidden = model(input_ids, attention_mask=torch.ones_like(input_ids)).last_hidden_state
            vectors[indices] = pool_hidden_states(hidden.float().numpy(), "mean")
    return vectors


def keep_unk_id(tokenizer: Tokenizer, original: Tokenizer) -> Tokenizer:
    """Give a Unigram tokenizer the `unk_id` of the one whose ids it renumbers: another token now."""
    renumbered = json.loads(tokenizer.to_str())
    renumbered["model"]["unk_id"] = json.loads(original.to_str())["model"]["unk_id"]
    return Tokenizer.from_str(json.dumps(renumbered))
