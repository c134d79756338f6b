"""Write m2v_onnx/fit/word_frequencies.txt.gz, and its licence, from the package wordfreq.

`make frequencies` runs it in an environment that holds wordfreq alone. The file holds a block of lines for
each language: its code alone, then `c<TAB>words` for the words of frequency 10^(-c/100), between spaces,
the most frequent first.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import sys
from pathlib import Path

import wordfreq

N_ENGLISH_WORDS = 30_000
N_OTHER_WORDS = 3_000
LICENCE_TEXT = """\
word_frequencies.txt.gz holds words of {n_languages} languages and how frequent they are, cut from the
data of wordfreq {version} (Robyn Speer, https://github.com/rspeer/wordfreq): the {n_english:,} most
frequent English words, and the {n_other:,} most frequent ones of each other language. Nothing else was
changed. Like the data of wordfreq it may be used and shared under the Creative Commons
Attribution-ShareAlike 4.0 licence, https://creativecommons.org/licenses/by-sa/4.0/. The rest of this
package has its own licence. What wordfreq says of its data and their sources:

"""


def main(folder: Path) -> None:
    """Write both files."""
    languages = sorted(wordfreq.available_languages("best"))
    blocks = [_language_block(language) for language in languages]
    packed = gzip.compress("\n".join(blocks).encode(), 9, mtime=0)
    (folder / "word_frequencies.txt.gz").write_bytes(packed)
    about = LICENCE_TEXT.format(
        n_languages=len(languages),
        version=importlib.metadata.version("wordfreq"),
        n_english=N_ENGLISH_WORDS,
        n_other=N_OTHER_WORDS,
    )
    (folder / "word_frequencies.LICENSE").write_text(about + _licence_section(), encoding="utf-8")


def _language_block(language: str) -> str:
    left = N_ENGLISH_WORDS if language == "en" else N_OTHER_WORDS
    lines = [language]
    for centibels, words in enumerate(wordfreq.get_frequency_list(language, "best")):
        if words and left > 0:
            lines.append(f"{centibels}\t{' '.join(sorted(words[:left]))}")
        left -= len(words)
    return "\n".join(lines)


def _licence_section() -> str:
    readme = str(importlib.metadata.metadata("wordfreq").get_payload())
    _, _, rest = readme.partition("## License\n")
    return "## License\n" + rest.strip() + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
