"""Where the blocks of docs/integrations.md run: in `.integrations`, made when they are needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".integrations"

# What is large stands alone, and what it does not need of its own is left out: keybert, bertopic want torch.
PACKAGES = {
    "small": (
        "chonkie[semantic]==1.7.0",
        "faiss-cpu==1.15.1",
        "haystack-ai==3.4.1",
        "langchain-core==1.8.3",
        "openai==3.57.0",
        "scikit-learn",
        "apsw",
        "sqlite-vec==0.1.9",
        "usearch==2.26.6",
        "vicinity==0.4.6",
    ),
    "stores": ("chromadb==1.5.9", "lancedb==0.40.0", "qdrant-client==1.20.0"),
    "llama-index": ("llama-index-core==0.14.25",),
    "semhash": ("semhash==0.5.0",),
    "txtai": ("txtai==9.14.0",),
    "spacy": ("spacy==3.8.18",),
    "topics": ("bertopic==0.17.4", "keybert==0.9.0"),
}
ENVIRONMENT_OF = {
    "scikit-learn": "small",
    "LangChain": "small",
    "LlamaIndex": "llama-index",
    "Chonkie": "small",
    "Haystack": "small",
    "FAISS": "small",
    "usearch": "small",
    "sqlite-vec": "small",
    "Qdrant": "stores",
    "LanceDB": "stores",
    "Chroma": "stores",
    "vicinity": "small",
    "semhash": "semhash",
    "txtai": "txtai",
    "spaCy": "spacy",
    "KeyBERT": "topics",
    "BERTopic": "topics",
}


def install(name: str) -> Path:
    """Make an environment, with what this package needs; give its interpreter. What is there is left."""
    uv, python = Path(sys.executable).with_name("uv"), PLACE / name / "bin/python"
    if os.name == "nt":
        python = PLACE / name / "Scripts/python.exe"
    if not (PLACE / name / "ready").exists():
        _run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, PLACE / name)
        _run(
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            python,
            "-r",
            ROOT / "pyproject.toml",
            *PACKAGES[name],
        )
        (PLACE / name / "ready").touch()
    return python


def install_node() -> Path:
    """Install what the Node programs need; give their folder."""
    folder = Path(__file__).parent / "node"
    if not (folder / "node_modules").exists():
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            check=True,
            cwd=folder,
        )
    return folder


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)
