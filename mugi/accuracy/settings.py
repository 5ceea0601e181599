"""What is measured: texts and their windows, tasks, data. Imports no torch."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mugi.errors import InputError, Mistake, raise_all
from mugi.llm.texts import C4, TEXTS, WIKITEXT2, check_text

CUTS = ("documents", "joined")
BOS = {"auto": None, "yes": True, "no": False}
"""Whether a text begins with the BOS token; `auto`: as the model's tokenizer does it by itself."""
_OWN = dict.fromkeys([*TEXTS, C4], (12, 256, "documents")) | {WIKITEXT2: ("all", 2048, "joined")}
"""Windows, tokens in one and cut, where they are left out; files have others."""


def at_least(least: int, **values: int | None) -> list[Mistake]:
    """Return a mistake for each of the named whole numbers that is below `least`; None is not."""
    return [
        Mistake(f"must be at least {least}", where=f"{name.replace('_', '-')} {value}")
        for name, value in values.items()
        if value is not None and value < least
    ]


def context_mistakes(window: int, kl_context: int) -> list[Mistake]:
    """Return what is wrong with the tokens of a window and those before its first KL divergence."""
    if window < 2:
        return [Mistake("must be at least 2 tokens", where=f"window {window}")]
    if not 1 <= kl_context < window:
        what = f"must be at least 1 and less than {window} (the window)"
        return [Mistake(what, where=f"kl-context {kl_context}")]
    return []


def counted(text: str, what: str, setting: str = "") -> tuple[str, int | Literal["all"] | None]:
    """Return name and count of NAME=COUNT, or None for NAME alone; `what` is counted, windows also
    as `all`."""
    name, equals, count = text.strip().partition("=")
    if not equals:
        return name, None
    if count == "all" and what == "windows":
        return name, "all"
    if not re.fullmatch("0*[1-9][0-9]{0,17}", count):
        one = what.removesuffix("s")
        rule = f"must be NAME, or NAME={what.upper()} with at least 1 {one}"
        raise InputError(Mistake(rule, where=f"{setting} {text}".strip()))
    return name, int(count)


def counts(texts: Iterable[str], what: str, setting: str) -> dict[str, int | Literal["all"] | None]:
    """Return what `counted` does of several texts, by name; none may be there twice."""
    by_name = {}
    for text in texts:
        name, count = counted(text, what, setting)
        if name in by_name:
            raise InputError(Mistake(f"'{name}' is there twice", where=f"{setting} {text}"))
        by_name[name] = count
    return by_name


def check_corpus(text: str) -> None:
    """Raise InputError unless `text` is TEXT or TEXT=WINDOWS."""
    check_text(counted(text, "windows")[0])


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """The windows of one text in which tokens are scored.

    name: prose, pydoc, c4 and wikitext2 (network) or a text file, which is scored as it is.
    windows: how many, the first ones, or `all` that are whole; window_tokens: tokens in each.
    cut: `documents`: every window is the beginning of a document of its own that is long enough.
    What documents have in common then does not hide in few of them, so that intervals over
    documents are honest. `joined`: windows run over all documents, joined by blank lines, and start
    every `stride_tokens` (None: as long as a window); only what the window before did not hold is
    scored. A BOS token stands in front of a document, or of the joined text, see `BOS`.
    kl_context_tokens: how many tokens of a window stand before the first one whose KL divergence is
    scored: with little context one token in a hundred dominates its mean.

    What is left out depends on the text: 12 windows of 256 tokens of documents; of wikitext2 all
    windows of 2,048 joined, as papers count it; of a file all windows of 256 joined.
    """

    name: str = "prose"
    windows: int | Literal["all"] | None = None
    window_tokens: int | None = None
    cut: Literal["documents", "joined"] | None = None
    stride_tokens: int | None = None
    kl_context_tokens: int = 16

    def __post_init__(self):
        check_text(self.name)
        own = _OWN.get(self.name, ("all", 256, "joined"))
        for name, value in zip(("windows", "window_tokens", "cut"), own, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.stride_tokens is None:
            object.__setattr__(self, "stride_tokens", self.window_tokens)
        window, stride = self.window_tokens, self.stride_tokens
        mistakes = at_least(1, windows=None if self.windows == "all" else self.windows)
        mistakes += context_mistakes(window, self.kl_context_tokens)
        if not 1 <= stride <= window:
            mistakes.append(
                Mistake(f"must be 1 to {window} (the window)", where=f"stride {stride}")
            )
        elif self.cut == "documents" and stride != window:
            what = f"must be {window} (the window) unless the documents are joined"
            mistakes.append(Mistake(what, where=f"stride {stride}"))
        raise_all(mistakes)
        if self.name == C4:  # its documents are never joined
            object.__setattr__(self, "cut", "documents")


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """One of lm-eval's tasks, groups or tags, or a local one.

    documents: how many, the first ones (None: all); window_tokens: the most that a request may
    have (None: the model's own context); num_fewshot: examples in front of a question (None: the
    task's own number); apply_chat_template: whether the prompt is written as the model's chat
    template says, and fewshot_as_multiturn: its examples as turns of the chat; system_instruction:
    in front of all; folders: with more tasks; seed: of what a task draws.
    """

    name: str
    documents: int | None = None
    window_tokens: int | None = None
    num_fewshot: int | None = None
    apply_chat_template: bool = False
    fewshot_as_multiturn: bool = False
    system_instruction: str | None = None
    folders: tuple[Path, ...] = ()
    seed: int = 0

    def __post_init__(self):
        mistakes = at_least(1, documents=self.documents) + at_least(
            2, task_window=self.window_tokens
        )
        mistakes += at_least(0, num_fewshot=self.num_fewshot)
        if self.fewshot_as_multiturn and not self.apply_chat_template:
            what = "needs apply-chat-template: without it there are no turns"
            mistakes.append(Mistake(what, where="fewshot-as-multiturn"))
        mistakes += [
            Mistake("no such folder", where=f"task-folder {folder}")
            for folder in self.folders
            if not folder.is_dir()
        ]
        raise_all(mistakes)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Examples for a model of speech or vision.

    source: a folder of clips (NAME.wav, NAME.txt), images or videos (CLASS/NAME.png), or `digits`;
    examples: how many, the first ones (None: all).
    """

    source: str
    examples: int | None = None

    def __post_init__(self):
        raise_all(at_least(1, examples=self.examples))
