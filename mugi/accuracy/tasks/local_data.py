"""Datasets of the local lm-eval tasks, as their YAML files name them."""

from datasets import Dataset

from mugi.llm import texts as corpus


def prose(**_) -> dict[str, Dataset]:
    """Return the prose corpus, one row per document."""
    return {"test": Dataset.from_dict({"text": corpus.prose_documents()})}


def pydoc(**_) -> dict[str, Dataset]:
    """Return the reference topics of this Python, one row per topic."""
    return {"test": Dataset.from_dict({"text": corpus.pydoc_documents()})}


def questions(**_) -> dict[str, Dataset]:
    """Return the MMLU development questions, one row per question."""
    return {"test": Dataset.from_list(corpus.questions())}
