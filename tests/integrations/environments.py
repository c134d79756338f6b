"""Where the blocks of docs/integrations.md run: in `.integrations`, made when they are needed."""

from __future__ import annotations

from pathlib import Path

from tests.environments import ROOT, python_in

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
    """Give the interpreter of an environment, which has what this package needs."""
    return python_in(ROOT / ".integrations" / name, "-r", ROOT / "pyproject.toml", *PACKAGES[name])
