"""Real text and questions for the default run, taken from installed packages: no download.

The prose is the benchmark descriptions inside the pinned lm-eval package, the questions are the
MMLU development questions in the same package. Both are checked against a sha256, so that
another lm-eval version cannot silently change the numbers.
"""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

from mugi.errors import InputError

PROSE_SHA256 = "41d07a60598d"
QUESTIONS_SHA256 = "081478485b1d"
_MIN_CHARACTERS = 300
_ANSWER = re.compile(r"answer is \(([A-E])\)")
_OPTIONS = re.compile(r"\s*\(([A-E])\)\s*")


def _lm_eval_tasks() -> Path:
    spec = importlib.util.find_spec("lm_eval")
    if spec is None:
        raise InputError("package lm_eval is not installed; run `make install`")
    return Path(spec.submodule_search_locations[0]) / "tasks"


def _check(name: str, text: str, expected: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not digest.startswith(expected):
        raise InputError(
            f"{name} has sha256 {digest[:12]}…, expected {expected}…: "
            "is lm_eval the version pinned in constraints.txt?"
        )


def _paragraphs(path: Path) -> list[str]:
    """Paragraphs of plain English prose in one README."""
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    texts = [block.strip().replace("\n", " ") for block in blocks]
    return [
        text
        for text in texts
        if len(text) > _MIN_CHARACTERS
        and text.isascii()
        and text.count("|") < 3
        and "@" not in text
        and "`" not in text
    ]


def prose_documents() -> list[str]:
    """Return the prose, one document per README, paragraphs joined by a blank line.

    184 paragraphs and 124,464 characters in all, in order of path, each paragraph once.
    """
    seen: set[str] = set()
    documents = []
    for path in sorted(_lm_eval_tasks().glob("**/README.md")):
        fresh = [text for text in _paragraphs(path) if not (text in seen or seen.add(text))]
        if fresh:
            documents.append("\n\n".join(fresh))
    _check("the prose corpus", "\n\n".join(documents), PROSE_SHA256)
    return documents


def questions() -> list[dict]:
    """Return the 282 MMLU development questions: subject, question, choices, answer index."""
    prompts = _lm_eval_tasks() / "mmlu" / "flan_cot_fewshot" / "_cot_prompts.json"
    text = prompts.read_text(encoding="utf-8")
    _check("the MMLU development file", text, QUESTIONS_SHA256)
    return [
        _question(subject, block)
        for subject, prompt in sorted(json.loads(text).items())
        for block in prompt.split("Q: ")[1:]
    ]


def _question(subject: str, block: str) -> dict:
    """Parse `question (A) … (D) … A: reasoning … answer is (X)`, with 4 or 5 options."""
    asked, _, reasoning = block.partition("\nA:")
    question, *options = _OPTIONS.split(asked.strip())
    answer = _ANSWER.search(reasoning)
    return {
        "subject": subject,
        "question": question,
        "choices": [option.strip() for option in options[1::2]],
        "answer": "ABCDE".index(answer.group(1)),
    }
