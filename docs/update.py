"""Fill in what README.md and docs/ say of results/ and of the code.

    python -m docs.update                    fill in all marked blocks, copy the pictures
    python -m docs.update --check            name the blocks that no longer hold, write nothing
    python -m docs.update --write FOLDER     write what comes from the tables, a file a block

Both also take the tables of `mugi compare` along, mugi/reference: those of `make` from results/,
those of `make smoke` from results-smoke/results/.

A block stands between `<!-- NAME -->` and `<!-- end -->`. The rule `document_results` writes those
of the tables into results/docs; the others come from the code, or from how long jobs took.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from docs import holds
from docs.blocks import accuracy, claims, gates, models, times
from docs.blocks.text import KEPT
from mugi.assumptions import markdown
from mugi.compare import compare, write_reference
from mugi.config.docs import key_table, parameter_table
from mugi.files import write_text
from mugi.runs import end_with_run

ROOT = Path(__file__).parent.parent
PICTURES = ["fig06", "pareto", "in_gates", "waves"]


class Block(NamedTuple):
    """A generated part of a page: its text from the results folder, and what may differ."""

    page: str
    name: str
    text: Callable[[Path], str]
    holds: Callable[[str, str], bool] = holds.equal
    made_by: Literal["code", "rule", "jobs"] = "rule"


BLOCKS = [
    Block("README.md", "verdicts", claims.verdicts),
    Block("README.md", "headline", claims.headline),
    Block("README.md", "findings", claims.findings),
    Block("README.md", "summary", accuracy.summary, holds.told),
    Block("README.md", "run", times.run, holds.unchecked, "jobs"),
    Block("README.md", "full", times.full, holds.unchecked, "jobs"),
    Block("docs/explained/accuracy.md", "accuracy", accuracy.accuracy, holds.measured),
    Block("docs/explained/accuracy.md", "stand", accuracy.stand, holds.told),
    Block("docs/explained/accuracy.md", "full", accuracy.stand_in_full, holds.unchecked, "jobs"),
    Block("docs/explained/quantisation.md", "quantisation", accuracy.quantisation, holds.measured),
    Block("docs/explained/quantisation.md", "datapath", accuracy.datapath, holds.measured),
    Block("docs/explained/survives.md", "survives", claims.survives),
    Block("docs/explained/gates.md", "units", lambda _: gates.units(), holds.equal, "code"),
    Block("docs/explained/gates.md", "chips", lambda _: gates.chips(), holds.equal, "code"),
    Block("docs/explained/gates.md", "arrays", lambda _: gates.arrays(), holds.equal, "code"),
    Block(
        "docs/reference/assumptions.md", "assumptions", lambda _: markdown(), holds.equal, "code"
    ),
    Block("docs/reference/claims.md", "rules", lambda _: claims.rules(), holds.equal, "code"),
    Block("docs/reference/claims.md", "conclusions", claims.concluded, holds.measured),
    Block("docs/reference/claims.md", "claims", lambda results: claims.ledger(results, True)),
    Block(
        "docs/reference/claims.md",
        "claims_of_models",
        lambda results: claims.ledger(results, False),
        holds.measured,
    ),
    Block("docs/reference/configuration.md", "keys", lambda _: key_table(), holds.equal, "code"),
    Block(
        "docs/reference/configuration.md",
        "methods",
        lambda _: parameter_table(),
        holds.equal,
        "code",
    ),
    Block("docs/reference/models.md", "families", lambda _: models.families(), holds.equal, "code"),
    Block(
        "docs/reference/models.md", "composites", lambda _: models.composites(), holds.equal, "code"
    ),
    Block("docs/reference/models.md", "refused", lambda _: models.refused(), holds.equal, "code"),
    Block(
        "docs/reference/models.md",
        "public_models",
        lambda _: models.public_models(),
        holds.equal,
        "code",
    ),
    Block("docs/reference/artifact.md", "run", times.run, holds.unchecked, "jobs"),
    Block("docs/reference/artifact.md", "claim_times", times.claim_times, holds.unchecked, "jobs"),
    Block("docs/reference/times.md", "times", times.times, holds.unchecked, "jobs"),
    Block("docs/reference/times.md", "forward", times.forward, holds.unchecked, "jobs"),
]


def replaced(page: str, name: str, new: str) -> tuple[str, str]:
    """Return a page with a new text in a block, and the block's old text."""
    pattern = re.compile(rf"(<!-- {name} -->\n)((?:(?!<!--).)*?)\n?(<!-- end -->)", re.DOTALL)
    blocks = pattern.findall(page)
    if len(blocks) != 1:
        raise SystemExit(f"{len(blocks)} blocks '{name}' in a page, expected 1")
    return pattern.sub(lambda match: f"{match[1]}{new}\n{match[3]}", page), blocks[0][1]


def update(results: Path, root: Path, check: bool) -> list[str]:
    """Fill in all blocks (or none, to check); return the names of those that did not hold.

    Without results those of the code are all there is to fill in.
    """
    there = (results / "docs").is_dir()
    wrong = []
    for block in BLOCKS if there else [block for block in BLOCKS if block.made_by == "code"]:
        written = results / "docs" / f"{block.name}.md"
        new = written.read_text("utf-8") if block.made_by == "rule" else block.text(results)
        path = root / block.page
        if new == KEPT:
            continue
        page, old = replaced(path.read_text("utf-8"), block.name, new.strip())
        if not block.holds(old, new.strip()):
            wrong.append(f"{block.page}: {block.name}")
        if not check:
            write_text(path, page)
    if there and not check:
        claims.draw_chart(results, root)
    for name in PICTURES if there and not check else []:
        picture = f"{name}.png"
        shutil.copyfile(results / "figures" / picture, root / "docs" / "images" / picture)
    return wrong


def references(results: Path, root: Path, check: bool) -> list[str]:
    """Write the packaged tables of runs that are there, or return which of them differ."""
    runs = {"default": results, "smoke": root / "results-smoke" / "results"}
    finished = {name: run for name, run in runs.items() if (run / "claims").is_dir()}
    if not check:
        for name, run in finished.items():
            write_reference(run, name)
        return []
    return [
        f"mugi/reference/{name}/{one.table}"
        for name, run in finished.items()
        for one in compare(results=run, reference=name)
        if len(one.differences)
    ]


def main() -> int:
    """Write, update or check; return 1 if a checked block does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is off")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="what comes from the tables")
    args = parser.parse_args()
    end_with_run()
    if args.write:
        for block in BLOCKS:
            if block.made_by == "rule":
                write_text(args.write / f"{block.name}.md", f"{block.text(args.results)}\n")
        return 0
    if not (args.results / "docs").is_dir():
        print(f"no {args.results}/docs: only what comes from the code")
    wrong = update(args.results, ROOT, args.check)
    wrong += references(args.results, ROOT, args.check)
    if not args.check:
        times.write_times(args.results)
    if args.check and wrong:
        print(*(f"no longer so (make update-docs): {name}" for name in wrong), sep="\n")
    return int(args.check and bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
