"""Teachers of every common architecture: tiny ones with random weights, through ONNX and through torch."""

from __future__ import annotations

import importlib.util
import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from m2v_onnx.distill import distill
from m2v_onnx.errors import TeacherError
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource
from m2v_onnx.teacher.session import TeacherSession

# torch warns of parts of itself that transformers still uses.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")]

EXTRA = "needs the extra optimum: pip install 'm2v-onnx[optimum]'"
CPU = Execution(provider="cpu", n_threads=1)
TOLERANCE = 1e-4
LETTERS = list(string.ascii_lowercase)
SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
DISTILBERT_SIZES = {"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
MODERNBERT_SIZES = {**SIZES, "local_attention": 4, "global_attn_every_n_layers": 2}
DEBERTA_SIZES = {
    **SIZES,
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "conv_kernel_size": 3,
}
DECODER_SIZES = {**SIZES, "num_key_value_heads": 2, "head_dim": 8}
GEMMA_SIZES = {
    **DECODER_SIZES,
    "sliding_window": 3,
    "layer_types": ["sliding_attention", "full_attention"],
}
T5_SIZES = {"vocab_size": 60, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}


@dataclass(frozen=True)
class Special:
    """Special tokens in the order of their ids, and which of them stand around a text."""

    tokens: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    pad: str
    unk: str | None

    def put_into(self, tokenizer: Tokenizer) -> Tokenizer:
        tokenizer.add_special_tokens(list(self.tokens))
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[*self.before, "$A", *self.after],
            special_tokens=[(token, self.tokens.index(token)) for token in {*self.before, *self.after}],
        )
        return tokenizer


BERT = Special(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), ("[CLS]",), ("[SEP]",), "[PAD]", "[UNK]")
ROBERTA = Special(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), ("<s>",), ("</s>",), "<pad>", "<unk>")
ALBERT = Special(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), ("[CLS]",), ("[SEP]",), "<pad>", "<unk>")
DEBERTA = Special(("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"), ("[CLS]",), ("[SEP]",), "[PAD]", "[UNK]")
T5 = Special(("<pad>", "</s>", "<unk>"), (), ("</s>",), "<pad>", "<unk>")
QWEN = Special(("<|endoftext|>", "<|im_start|>"), (), ("<|endoftext|>",), "<|endoftext|>", None)
GEMMA = Special(("<pad>", "<eos>", "<bos>", "<unk>"), ("<bos>",), ("<eos>",), "<pad>", "<unk>")


def word_piece(special: Special) -> Tokenizer:
    tokens = [*special.tokens, *LETTERS, *(f"##{letter}" for letter in LETTERS), "sun", "##light"]
    vocab = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=special.unk))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return special.put_into(tokenizer)


def byte_pair(special: Special) -> Tokenizer:
    merges = [*(("Ġ", letter) for letter in LETTERS), ("s", "u"), ("su", "n")]
    tokens = [*special.tokens, "Ġ", *LETTERS, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(models.BPE({token: token_id for token_id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return special.put_into(tokenizer)


def unigram(special: Special) -> Tokenizer:
    pieces = ["▁", *LETTERS, *(f"▁{letter}" for letter in LETTERS), "▁sun"]
    scored = [*((token, 0.0) for token in special.tokens), *((piece, -len(piece)) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=special.tokens.index(special.unk)))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return special.put_into(tokenizer)


@dataclass(frozen=True)
class Architecture:
    """A teacher in a few words.

    Attributes:
        name: of its classes, without their endings.
        sizes: the arguments of its configuration.
        tokenizer: makes a tokenizer around special tokens.
        special: the special tokens.
        has_pooler: whether it has a pooler.
        run: the ending of the class whose hidden states count; the class that is saved ends in Model.
    """

    name: str
    sizes: dict[str, object]
    tokenizer: Callable[[Special], Tokenizer]
    special: Special
    has_pooler: bool = False
    run: str = "Model"

    def classes(self, folder: Path) -> ModuleType:
        """Give the module that holds the classes."""
        return pytest.importorskip("transformers", reason=EXTRA)

    def write(self, folder: Path) -> None:
        torch = pytest.importorskip("torch", reason=EXTRA)
        classes = self.classes(folder)
        pad_token_id = self.special.tokens.index(self.special.pad)
        config = getattr(classes, f"{self.name}Config")(**self.sizes, pad_token_id=pad_token_id)
        model = getattr(classes, f"{self.name}Model")(config)
        torch.manual_seed(0)
        for parameter in model.parameters():  # far from zero, so that masks and positions count
            torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(folder)
        self.tokenizer(self.special).save(str(folder / "tokenizer.json"))
        roles = {"pad_token": self.special.pad, "unk_token": self.special.unk}
        (folder / "tokenizer_config.json").write_text(json.dumps(roles))

    def load(self, folder: Path):
        return getattr(self.classes(folder), f"{self.name}{self.run}").from_pretrained(folder).eval()


class OwnCode(Architecture):
    """A teacher whose repository ships its code."""

    def classes(self, folder: Path) -> ModuleType:
        folder.mkdir(exist_ok=True)
        (folder / "modeling_tiny_nomic.py").write_text(NOMIC_CODE)
        spec = importlib.util.spec_from_file_location(
            "modeling_tiny_nomic", folder / "modeling_tiny_nomic.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


# Like NomicBERT's: rotary angles kept from call to call, gated layers, a from_pretrained of its own.
NOMIC_CODE = """
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class TinyNomicConfig(PretrainedConfig):
    model_type = "tiny_nomic"

    def __init__(self, vocab_size=60, n_embd=32, n_layer=2, n_head=4, **others):
        super().__init__(**others)
        self.vocab_size, self.n_embd, self.n_layer, self.n_head = vocab_size, n_embd, n_layer, n_head


class Rotary(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.register_buffer("steps", 10_000 ** -(torch.arange(0, width, 2) / width), persistent=False)
        self.length = 0

    def forward(self, states):
        length = states.shape[1]
        if length > self.length:
            angles = torch.outer(torch.arange(length, dtype=torch.float32), self.steps)
            self.length, self.cos, self.sin = length, angles.cos(), angles.sin()
        cos, sin = (kept[:length].repeat(1, 2)[:, None] for kept in (self.cos, self.sin))
        left, right = states.chunk(2, dim=-1)
        return states * cos + torch.cat((-right, left), dim=-1) * sin


class Layer(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.rotary = Rotary(width // n_heads)
        self.Wqkv, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc11, self.fc12, self.fc2 = (nn.Linear(width, width) for _ in range(3))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, states, mask):
        qkv = self.Wqkv(states).view(*states.shape[:2], 3, self.n_heads, -1)
        query, key, value = self.rotary(qkv[:, :, 0]), self.rotary(qkv[:, :, 1]), qkv[:, :, 2]
        parts = (part.permute(0, 2, 1, 3) for part in (query, key, value))
        attended = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask)
        states = self.norm1(self.out_proj(attended.permute(0, 2, 1, 3).flatten(2)) + states)
        return self.norm2(self.fc2(self.fc11(states) * nn.functional.silu(self.fc12(states))) + states)


class TinyNomicModel(PreTrainedModel):
    config_class = TinyNomicConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.n_embd)
        self.types = nn.Embedding(2, config.n_embd)
        self.layers = nn.ModuleList(Layer(config.n_embd, config.n_head) for _ in range(config.n_layer))
        self.post_init()

    @classmethod
    def from_pretrained(cls, folder, config=None, **others):
        model = cls(config or TinyNomicConfig.from_pretrained(folder))
        model.load_state_dict(load_file(f"{folder}/model.safetensors"))
        return model

    def forward(self, input_ids, attention_mask=None, position_ids=None, token_type_ids=None):
        if token_type_ids is None:
            token_type_ids = torch.zeros(input_ids.shape[1], dtype=torch.long)
        states = self.words(input_ids) + self.types(token_type_ids)
        mask = self.get_extended_attention_mask(attention_mask, input_ids.shape)
        for layer in self.layers:
            states = layer(states, mask)
        return BaseModelOutput(last_hidden_state=states)
"""

NOMIC_FILES = {
    "AutoConfig": "modeling_tiny_nomic.TinyNomicConfig",
    "AutoModel": "modeling_tiny_nomic.TinyNomicModel",
}
NOMIC = OwnCode("TinyNomic", {"auto_map": NOMIC_FILES}, word_piece, BERT)

ARCHITECTURES = {
    "bert": Architecture("Bert", SIZES, word_piece, BERT, has_pooler=True),
    "distilbert": Architecture("DistilBert", DISTILBERT_SIZES, word_piece, BERT),
    "roberta": Architecture("Roberta", SIZES, byte_pair, ROBERTA, has_pooler=True),
    "xlm-roberta": Architecture("XLMRoberta", SIZES, unigram, ROBERTA, has_pooler=True),
    "mpnet": Architecture("MPNet", SIZES, word_piece, ROBERTA, has_pooler=True),
    "modernbert": Architecture("ModernBert", MODERNBERT_SIZES, byte_pair, BERT),
    "electra": Architecture("Electra", {**SIZES, "embedding_size": 16}, word_piece, BERT),
    "deberta-v2": Architecture("DebertaV2", DEBERTA_SIZES, unigram, DEBERTA),
    "albert": Architecture("Albert", {**SIZES, "embedding_size": 16}, unigram, ALBERT, has_pooler=True),
    "own-code": NOMIC,
    "qwen2": Architecture("Qwen2", DECODER_SIZES, byte_pair, QWEN),
    "qwen3": Architecture("Qwen3", DECODER_SIZES, byte_pair, QWEN),
    "gemma3": Architecture("Gemma3Text", GEMMA_SIZES, unigram, GEMMA),
    "gemma3-both-ways": Architecture(
        "Gemma3Text", {**GEMMA_SIZES, "use_bidirectional_attention": True}, unigram, GEMMA
    ),
    "t5": Architecture("T5", T5_SIZES, unigram, T5, run="EncoderModel"),
    "mt5": Architecture("MT5", T5_SIZES, unigram, T5, run="EncoderModel"),
    "umt5": Architecture("UMT5", T5_SIZES, unigram, T5, run="EncoderModel"),
}


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    """Export anew, without the network, and copy a teacher's own code to nowhere else."""
    monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_states_and_table_are_those_of_torch(architecture, tmp_path):
    torch = pytest.importorskip("torch", reason=EXTRA)
    folder = tmp_path / "teacher"
    architecture.write(folder)
    reference = architecture.load(folder)

    def run(rows):
        input_ids = torch.tensor(rows)
        with torch.inference_mode():
            return reference(input_ids=input_ids, attention_mask=torch.ones_like(input_ids))

    source = TeacherSource(trust_remote_code=isinstance(architecture, OwnCode))
    session = TeacherSession(load_teacher(folder, source).onnx_path, CPU)
    input_ids = np.random.default_rng(0).integers(0, reference.config.vocab_size, (3, 5))
    expected = run(input_ids)
    assert_close(session.hidden_states(input_ids), expected.last_hidden_state)
    if architecture.has_pooler:
        assert_close(session.pooler_output(input_ids), expected.pooler_output)
    else:
        with pytest.raises(TeacherError, match="no output pooler_output"):
            session.pooler_output(input_ids)

    model = distill(
        folder, recipe="model2vec-0.10", pca_dims=None, weighting="none", source=source, execution=CPU
    )
    ids = architecture.tokenizer(architecture.special).get_vocab()
    before, after = (
        [ids[token] for token in part] for part in (architecture.special.before, architecture.special.after)
    )
    tokens = [model.tokenizer.id_to_token(token_id) for token_id in range(len(model.table))]
    assert len(tokens) > 50
    assert_close(
        model.table, run([[*before, ids[token], *after] for token in tokens]).last_hidden_state.mean(dim=1)
    )


def test_own_code_is_not_run_unasked(tmp_path):
    folder = tmp_path / "teacher"
    NOMIC.write(folder)
    message = (
        "expected a model_type in config.json that transformers .* knows, found 'tiny_nomic', which needs "
        r"the repository's own code, modeling_tiny_nomic\.TinyNomicModel: read that code, and pass "
        "--trust-remote-code"
    )
    with pytest.raises(TeacherError, match=message):
        load_teacher(folder)
    assert not (tmp_path / "modules").exists()


def assert_close(found, expected):
    np.testing.assert_allclose(found, np.asarray(expected), rtol=0, atol=TOLERANCE)
