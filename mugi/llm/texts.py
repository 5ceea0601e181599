"""Texts and questions: inside installed packages, of the user, and the C4 documents of the paper.

Prose (benchmark descriptions) and MMLU development questions are in the pinned lm-eval package and
checked against a sha256, so that another version cannot silently change the numbers. The reference
topics of the running Python differ from version to version: tables name their sha256.
"""

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mugi.errors import InputError, Mistake, closest, first_line

PROSE_SHA256 = "41d07a60598d"
QUESTIONS_SHA256 = "081478485b1d"
_MIN_CHARACTERS = 300  # of a paragraph that counts as prose
_ANSWER = re.compile(r"answer is \(([A-E])\)")
_HEADING = re.compile(r" = [^=].* = \n")  # of an article of WikiText; sections have = = more
_OPTIONS = re.compile(r"\s*\(([A-E])\)\s*")
TASKS = Path(__file__).parent.parent / "accuracy" / "tasks"
OWN_PREFIX = "mugi_"  # of local tasks
SEPARATOR = "\n\n"
C4 = "c4"
WIKITEXT2 = "wikitext2"
DATASETS = {C4: "allenai/c4", WIKITEXT2: "Salesforce/wikitext"}
"""Name of a text of the Hugging Face hub -> its data set."""
C4_CHARACTERS = 4096  # published: longer texts only


class Text(NamedTuple):
    """A text by name: documents, in windows that run over all of them joined by a blank line."""

    name: str
    documents: list[str]

    @property
    def sha256(self) -> str:
        """The digest of the joined documents."""
        return hashlib.sha256(SEPARATOR.join(self.documents).encode()).hexdigest()


def text(name: str) -> Text:
    """Return a text by name, or that of a UTF-8 file, whose paragraphs are documents.

    A file's documents, joined, are its content byte for byte but for a byte order mark: blank lines
    and ends of lines stay as they are. Raises InputError if there is none or if it is empty.
    """
    check_text(name)
    if name in TEXTS:
        return Text(name, TEXTS[name]())
    if name == WIKITEXT2:
        return Text(name, wikitext2_documents())
    path = Path(name)
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{path}: {reason}") from None
    if not content.strip():
        raise InputError(f"{path}: no text in it")
    return Text(path.stem, content.split(SEPARATOR))


def label(name: str) -> str:
    """Return how tables name a text: a file by its name without folder and ending."""
    return name if name in TEXTS or name in DATASETS else Path(name).stem


def check_text(name: str) -> None:
    """Raise InputError if `name` is neither a text by name nor a file."""
    known = [*TEXTS, *DATASETS]
    if name not in known and not os.path.isfile(name):
        allowed = (*known, "or a text file")
        raise InputError(Mistake(f"unknown text '{name}'", "", allowed, closest(name, known)))


def check_bos(tokenizer, bos: bool | None) -> None:
    """Raise InputError if a BOS token is asked for that the tokenizer does not have."""
    if bos and tokenizer.bos_token_id is None:
        raise InputError(Mistake("the model's tokenizer has no BOS token", where="bos yes"))


def encoded(tokenizer, text: str, bos: bool | None = None, places: bool = False) -> tuple:
    """Return the tokens of a text and, if asked for, the place of the first character of each.

    bos: whether a BOS token stands in front; None: what the tokenizer does by itself, which also
    decides about all other special tokens.
    """
    check_bos(tokenizer, bos)
    found = tokenizer(
        text, add_special_tokens=bos is not False, return_offsets_mapping=places, verbose=False
    )
    ids = found["input_ids"]
    starts = [start for start, _ in found["offset_mapping"]] if places else []
    if bos and ids[:1] != [tokenizer.bos_token_id]:
        ids, starts = [tokenizer.bos_token_id, *ids], [0, *starts]
    return ids, starts


def begins_with_bos(tokenizer) -> bool:
    """Return whether the tokenizer puts a BOS token in front of a text by itself."""
    ids, _ = encoded(tokenizer, "a")
    return tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]


def context_tokens(model) -> int | None:
    """Return the tokens of a model's context, as its configuration says, or None if it does not."""
    config = model.config.get_text_config()
    names = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
    known = [getattr(config, name, None) for name in names]
    return next((int(value) for value in known if value), None)


def first_tokens(model, tokenizer, documents: Sequence[str], count: int, window: int):
    """Return the first `count` tokens of the documents, 1-D on the model's device.

    The documents are joined by blank lines; BOS as the tokenizer does it. Raises InputError if the
    text is shorter, or the model's context shorter than `window` tokens.
    """
    import torch  # texts are also read where no model is

    context = context_tokens(model)
    if context and window > context:
        raise InputError(f"{window} tokens a window: the model's context is {context} tokens")
    ids, _ = encoded(tokenizer, SEPARATOR.join(documents))
    if len(ids) < count:
        raise InputError(f"{count} tokens of text are needed; there are {len(ids)}")
    return torch.tensor(ids[:count], device=model.device)


def c4_documents() -> Iterator[str]:
    """Yield the validation documents of C4 with more than 4096 characters, from the hub.

    They are the published evaluation's, in the data set's order. Raises InputError without network.
    """
    for text in _rows(C4, "en", split="validation", streaming=True):
        if len(text) > C4_CHARACTERS:
            yield text


def wikitext2_documents() -> list[str]:
    """Return the articles of WikiText-2's test split, raw, from the hub.

    Joined by blank lines they are the rows of the data set joined so, empty ones too: the text
    whose tokens papers on quantisation count. Raises InputError without network.
    """
    articles: list[list[str]] = []
    for row in _rows(WIKITEXT2, "wikitext-2-raw-v1", split="test"):
        if not articles or _HEADING.fullmatch(row):
            articles.append([])
        articles[-1].append(row)
    return [SEPARATOR.join(rows) for rows in articles]


def _rows(name: str, *configuration: str, **settings) -> Iterator[str]:
    """Yield the texts of a data set of the hub."""
    from datasets import load_dataset

    try:
        for row in load_dataset(DATASETS[name], *configuration, **settings):
            yield row["text"]
    except (OSError, ValueError) as error:
        place = f"text {name} ({DATASETS[name]} of the Hugging Face hub)"
        raise InputError(f"{place}: {first_line(error)}") from None


def pydoc_documents() -> list[str]:
    """Return the reference topics of this Python, one document a topic, in order of name."""
    from pydoc_data.topics import topics

    return [topics[name].strip() for name in sorted(topics)]


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


def prose_documents() -> list[str]:
    """Return the prose, one document per README, paragraphs joined by a blank line.

    184 paragraphs of plain English and 124,464 characters, in order of path, each paragraph once.
    """
    seen: set[str] = set()
    documents = []
    for path in sorted(_lm_eval_tasks().glob("**/README.md")):
        blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
        paragraphs = [block.strip().replace("\n", " ") for block in blocks]
        paragraphs = [p for p in dict.fromkeys(paragraphs) if _is_prose(p) and p not in seen]
        seen.update(paragraphs)
        if paragraphs:
            documents.append(SEPARATOR.join(paragraphs))
    _check("the prose corpus", SEPARATOR.join(documents), PROSE_SHA256)
    return documents


def _is_prose(paragraph: str) -> bool:
    """Whether a paragraph is long and neither a table, nor an address, nor holds code."""
    plain = paragraph.isascii() and paragraph.count("|") < 3 and not {"@", "`"} & set(paragraph)
    return plain and len(paragraph) > _MIN_CHARACTERS


def questions() -> list[dict]:
    """Return the 282 MMLU development questions: subject, question, choices, answer index."""
    prompts = _lm_eval_tasks() / "mmlu" / "flan_cot_fewshot" / "_cot_prompts.json"
    text = prompts.read_text(encoding="utf-8")
    _check("the MMLU development file", text, QUESTIONS_SHA256)
    parsed = []
    for subject, prompt in sorted(json.loads(text).items()):
        for block in prompt.split("Q: ")[1:]:
            # question (A) … (D) … A: reasoning … answer is (X), with 4 or 5 options
            asked, _, reasoning = block.partition("\nA:")
            question, *options = _OPTIONS.split(asked.strip())
            choices = [option.strip() for option in options[1::2]]
            answer = "ABCDE".index(_ANSWER.search(reasoning).group(1))
            parsed.append(
                {"subject": subject, "question": question, "choices": choices, "answer": answer}
            )
    return parsed


TEXTS = {"prose": prose_documents, "pydoc": pydoc_documents}
"""Name of an embedded text -> its documents."""


def sha256_of_task(name: str) -> str:
    """Return the digest of the text or questions of a local lm-eval task, or an empty text."""
    if name == "mugi_mmlu_dev":
        return hashlib.sha256(json.dumps(questions()).encode()).hexdigest()
    source = name.removeprefix(OWN_PREFIX)
    return text(source).sha256 if name != source and source in TEXTS else ""
