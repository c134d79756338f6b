"""Random texts: the fast tokenizers and the compiled mean against the tokenizers library and NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from checks.fuzz.outcomes import Outcomes
from m2v_onnx import StaticModel
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS

_BLOCK = 2000
_DIM = 8
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      ",
    "ABCXYZ .,;:!?'\"()[]{}<>-_/\\@#$%^&*+=~`|0123456789",
    "àéîõüßøłđþİıŁſǅŉﬁﬀ①²½",
    "a\u0301\u0300\u0302\u0308\u0323\u0345\u1dfe\u20d0 ",
    "我爱北京天安门日本語がぎひらカタカナ한국어\u1112\u1161\u11ab",
    "мирПриветёЙΩωςΣאבגمرحباनमस्तेไทย",
    "😀👍🏽👨‍👩‍👧🇩🇪❤\ufe0f\u200d\u200b\u00ad\ufeff\u202e",
    "\t\n\r\x0b\x0c\x85\u00a0\u2028\u3000 \x00\x07\x1b\x7f",
    "\ue000\U0010fffd\U0001d518\U00020000\u0378\uffff\ufffd",
)
_SHARED = {"WordPiece": "bert-base-uncased", "BPE": "gpt2", "Unigram": "yhn112-unigram"}


def fuzz_texts(n_texts: int, *, seed: int, shared: Path | None) -> Iterator[Outcomes]:
    """Try random texts on a tokenizer of each family.

    Args:
        n_texts: for each family.
        seed: of the texts.
        shared: a folder with `tokenizers/`; None for small tokenizers, trained here.
    """
    for family in _SHARED:
        yield _fuzz_family(family, n_texts, seed=seed, shared=shared)


def random_text(random: Random) -> str:
    """Give a text of up to a few dozen characters, or a piece of a hard one."""
    if random.random() < 0.1:
        text = random.choice(HARD_TEXTS)
        start = random.randrange(len(text) + 1)
        return text[start : start + random.randrange(200)]
    parts = []
    for _ in range(random.randrange(5)):
        if random.random() < 0.03:
            parts.append("".join(chr(_code_point(random)) for _ in range(random.randrange(6))))
        else:
            parts.append("".join(random.choices(random.choice(_ALPHABETS), k=random.randrange(16))))
    return "".join(parts)


def _code_point(random: Random) -> int:
    point = random.randrange(0x110000 - 0x800)
    return point if point < 0xD800 else point + 0x800  # no surrogates


def _fuzz_family(family: str, n_texts: int, *, seed: int, shared: Path | None) -> Outcomes:
    outcomes = Outcomes(f"texts, {family}")
    random = Random(f"{seed} {family}")
    tokenizer = _train(family) if shared is None else _read(shared / "tokenizers" / _SHARED[family])
    n_tokens = tokenizer.get_vocab_size()
    table = np.random.default_rng(seed).normal(size=(n_tokens, _DIM)).astype(np.float32)
    model = StaticModel(table=table, tokenizer=tokenizer, config=ModelConfig(normalize=True, max_length=None))
    with suppress(KeyboardInterrupt):
        for start in range(0, n_texts, _BLOCK):
            texts = [random_text(random) for _ in range(min(_BLOCK, n_texts - start))]
            found = model.encode(texts)
            expected = model.encode_reference(texts)
            lengths = np.linalg.norm(found, axis=1)
            right = (np.abs(found - expected).max(axis=1) < 1e-5) & (
                (lengths == 0) | (np.abs(lengths - 1) < 1e-4)
            )
            outcomes.add("vectors", "", times=int(right.sum()))
            for index in np.flatnonzero(~right):
                outcomes.add("wrong vector", repr(texts[index]))
    return outcomes


def _read(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))


def _train(family: str) -> Tokenizer:
    special = ["[PAD]", "[UNK]"]
    if family == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    elif family == "BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="[UNK]", show_progress=False
        )
    tokenizer.train_from_iterator(HARD_TEXTS * 3, trainer)
    return tokenizer
