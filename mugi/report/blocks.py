"""What pages are made of. Templates write the same blocks as HTML and as Markdown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """A link to a page of the report (`claims.html#ABS-1`) or to a file beside them."""

    text: str
    href: str


@dataclass(frozen=True)
class Code:
    """A command or a name as it is typed."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """What happens to a claim under correction, as a coloured word."""

    text: str


@dataclass(frozen=True)
class Number:
    """A number, shown to some digits and sorted by all of them; nothing where it is NaN."""

    value: float
    digits: int = 4

    @property
    def text(self) -> str:
        """Return the number as it is read."""
        value = float(self.value)
        if math.isnan(value):
            return ""
        if value.is_integer() or abs(value) >= 10**self.digits:
            return f"{value:,.0f}"
        return f"{value:.{self.digits}g}"

    @property
    def order(self) -> str:
        """Return what tables sort by: all digits; what is missing before all."""
        return "-1e308" if math.isnan(self.value) else repr(float(self.value))


def percent(share: float) -> Number:
    """Return a share as a number of per cent."""
    return Number(round(100 * share, 1), 3)


Part = str | Link | Code | Verdict | Number
Cell = Part | Sequence[Part]  # a sequence is read one after the other


@dataclass(frozen=True)
class Row:
    """A row of a table. tags: what it is filtered by; more: what is read when it is opened."""

    cells: Sequence[Cell]
    id: str = ""
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    more: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A part of a page; `kind` is the name of its macro in the templates."""

    @property
    def kind(self) -> str:
        """Return the name of the class in lower case."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Heading(Block):
    """A heading below the page's own."""

    text: str
    id: str = ""
    level: int = 2


@dataclass(frozen=True)
class Text(Block):
    """A paragraph."""

    parts: Cell


@dataclass(frozen=True)
class Caption(Block):
    """The caption of a figure, in reStructuredText."""

    source: str


@dataclass(frozen=True)
class Items(Block):
    """A list."""

    items: Sequence[Cell]


@dataclass(frozen=True)
class Quote(Block):
    """A sentence to repeat, and where its numbers are."""

    text: str
    source: Cell


@dataclass(frozen=True)
class Facts(Block):
    """Names and what is said of each."""

    facts: Mapping[str, Cell]


@dataclass(frozen=True)
class Table(Block):
    """A table that can be searched. name: unique in its page; filters: tags of its rows."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    filters: Sequence[str] = ()

    def choices(self, tag: str) -> list[str]:
        """Return what a filter can be set to, in order of appearance."""
        return list(dict.fromkeys(value for row in self.rows for value in row.tags.get(tag, ())))


@dataclass(frozen=True)
class Picture(Block):
    """A picture in the folder of the report."""

    href: str
    alt: str


@dataclass(frozen=True)
class Pre(Block):
    """Text as it is, such as a configuration."""

    title: str
    text: str
    id: str = ""


@dataclass(frozen=True)
class Missing(Block):
    """What a page lacks, and the command that makes it."""

    what: str
    command: str


@dataclass(frozen=True)
class Page:
    """A page: its file without suffix, its title, what it says in a sentence, its blocks."""

    name: str
    title: str
    about: str
    blocks: Sequence[Block]

    @property
    def missing(self) -> list[Missing]:
        """Return what the page lacks."""
        return [block for block in self.blocks if isinstance(block, Missing)]
