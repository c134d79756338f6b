"""Teacher tokenizers to static ones, over real text: `python -m checks.tokenizers_roundtrip SHARED`.

Every tokenizer of SHARED/tokenizers and SHARED/teachers loses what a static model has no use for; all text of
SHARED/eval/parity must still give the same token strings. Byte-level tokenizers are compared with the
teacher's own when that, too, puts a space before a text. The exit code is 1 when a text differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.model.recipe import RECIPES
from m2v_onnx.teacher.loading import Teacher


def read_texts(folder: Path) -> list[str]:
    """Give every string of a folder's text, TSV and JSON files."""
    texts: list[str] = []
    for path in sorted(folder.iterdir()):
        content = path.read_text("utf-8")
        if path.suffix == ".json":
            texts += strings(json.loads(content))
        elif path.suffix == ".jsonl":
            texts += [text for line in content.split("\n") if line for text in strings(json.loads(line))]
        else:
            texts += [text for line in content.split("\n") for text in line.split("\t")]
    return texts


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from strings(member)


def with_prefix_space(tokenizer: Tokenizer) -> Tokenizer:
    """Give the tokenizer with a space before every text where it is byte-level."""
    content = tokenizer.to_str().replace('"add_prefix_space":false', '"add_prefix_space":true')
    return Tokenizer.from_str(content)


def tokenizer_paths(shared: Path) -> list[Path]:
    """Give the tokenizer.json of every tokenizer and teacher."""
    return sorted([*shared.glob("tokenizers/*/tokenizer.json"), *shared.glob("teachers/*/tokenizer.json")])


def read_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def static_tokenizer(path: Path, *, unk_token: str | None = None) -> Tokenizer:
    """Give the tokenizer of a static model from a teacher's tokenizer.json."""
    teacher = Teacher(path.parent.name, path.parent, path, read_tokenizer(path), None, unk_token)
    return build_vocabulary(teacher, RECIPES["model2vec-0.10"]).tokenizer


def count_differences(path: Path, texts: list[str]) -> tuple[int, int]:
    """Give the number of static tokens, and of texts with other tokens."""
    static, expected = static_tokenizer(path), with_prefix_space(read_tokenizer(path))
    pairs = zip(
        expected.encode_batch_fast(texts, add_special_tokens=False),
        static.encode_batch_fast(texts, add_special_tokens=False),
        strict=True,
    )
    n_different = sum(
        [expected.id_to_token(i) for i in one.ids] != [static.id_to_token(i) for i in other.ids]
        for one, other in pairs
    )
    return static.get_vocab_size(), n_different


def main() -> None:
    shared = Path(sys.argv[1])
    texts = read_texts(shared / "eval/parity")
    n_failed = 0
    print(f"{len(texts):,} texts\n\n| tokenizer | static tokens | texts that differ |\n| --- | --- | --- |")
    for path in tokenizer_paths(shared):
        n_tokens, n_different = count_differences(path, texts)
        n_failed += n_different
        print(f"| {path.parent.name} | {n_tokens:,} | {n_different} |", flush=True)
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
