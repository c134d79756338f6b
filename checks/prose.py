"""Find long sentences in Markdown: `python -m checks.prose FILE …`.

A sentence may have 25 words. Code blocks, tables, images and targets of links are left out, and a piece of
code inside a sentence counts as one word. Each long sentence is printed with its file and line; the exit code
is 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_WORDS = 25

_FENCE = re.compile(r"\s*(```|~~~)")
_LIST_ITEM = re.compile(r"\s*([-*+]|\d+\.)\s+")
_LEFT_OUT = re.compile(r"\s*(\||<|#)")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_SENTENCE_END = re.compile(r"[.!?][)\"”*_]*$")


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Give each paragraph and each item of a list, with the number of its first line."""
    start, block, is_code = 1, "", False
    for number, line in enumerate(text.splitlines(), 1):
        is_fence = _FENCE.match(line) is not None
        is_prose = not (is_fence or is_code or _LEFT_OUT.match(line)) and bool(line.strip())
        item = _LIST_ITEM.match(line)
        if block and (not is_prose or item):
            yield start, block
            block = ""
        if is_prose:
            start = start if block else number
            block += (line[item.end() :] if item else line) + "\n"
        is_code ^= is_fence
    if block:
        yield start, block


def sentences(start: int, block: str) -> Iterator[tuple[int, list[str]]]:
    """Give the words of each sentence of a block, with the line that the sentence begins in."""
    block = _CODE.sub(lambda match: "\n" * match[0].count("\n") + "code", block)
    block = _LINK.sub(r"\1", _IMAGE.sub("", block))
    first, words = start, []
    for number, line in enumerate(block.splitlines(), start):
        for word in line.split():
            first = first if words else number
            words.append(word)
            if _SENTENCE_END.search(word):
                yield first, words
                words = []
    if words:
        yield first, words


def long_sentences(path: Path) -> Iterator[str]:
    """Describe each long sentence of a file."""
    for start, block in blocks(path.read_text(encoding="utf-8")):
        for number, words in sentences(start, block):
            n_words = sum(any(map(str.isalnum, word)) for word in words)
            if n_words > MOST_WORDS:
                yield f"{path}:{number}: {n_words} words: {' '.join(words)}"


def main(paths: list[str]) -> int:
    found = [message for path in paths for message in long_sentences(Path(path))]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
