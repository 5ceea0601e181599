"""The report as a whole: complete or partial, the same bytes, links that lead somewhere."""

import json
import re
import shutil
from urllib.parse import unquote, urlparse

import pytest
from bs4 import BeautifulSoup

from mugi.cli import main
from mugi.errors import InputError
from mugi.figures import FIGURES
from mugi.files import write_text
from mugi.report.results import Results
from mugi.report.write import PAGES, write_report
from tests.report.results import TABLES, small_results

SNAKEMAKE = "../report.html"  # made after this one


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return small_results(tmp_path_factory.mktemp("run") / "results")


@pytest.fixture(scope="module")
def report(results):
    write_report(results, results / "report")
    return results / "report"


def soups(folder):
    paths = sorted(folder.glob("*.html"))
    return {path.name: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in paths}


def files(folder):
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_pages_of_the_report(report):
    titles = [soup.title.text.partition(" · ")[0] for soup in soups(report).values()]
    assert sorted(titles) == sorted(
        [
            *["Verdict", "Claims", "Figures", "Accuracy", "What survives", "How sure"],
            *["Where it holds", "In gates", "Run", "Do it yourself"],
        ]
    )


def test_every_link_leads_to_a_file_and_a_place_in_the_report(report):
    pages = soups(report)
    for name, soup in pages.items():
        targets = {link["href"] for link in soup.find_all("a", href=True)}
        targets |= {one.get("src") or one.get("href") for one in soup.select("[src], link[href]")}
        for target in targets - {SNAKEMAKE}:
            url = urlparse(target)
            if url.scheme == "data":
                continue
            assert not url.scheme and not url.netloc and not target.startswith("/"), (name, target)
            path = unquote(url.path) or name
            assert (report / path).is_file(), (name, target)
            if url.fragment:
                assert pages[path].find(id=unquote(url.fragment)), (name, target)


def test_nothing_comes_from_outside(report):
    for path in [*report.glob("*.html"), *report.glob("assets/*.css"), report / "assets/report.js"]:
        text = path.read_text("utf-8")
        assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text), path


def test_the_same_results_give_the_same_bytes(results, report, tmp_path):
    write_report(results, tmp_path / "again")
    assert files(tmp_path / "again") == files(report)


def test_another_run_differs_in_run_alone(results, report, tmp_path):
    other = tmp_path / "results"
    shutil.copytree(results, other, ignore=shutil.ignore_patterns("report"))
    text = (other / "manifest.json").read_text("utf-8").replace("c0ffee", "decade")
    (other / "manifest.json").write_text(text, "utf-8")
    (other / "benchmarks" / "evaluate_hardware.tsv").write_text("s\th:m:s\tmax_rss\n9\t0:09\t9\n")
    write_report(other, tmp_path / "report")
    before, after = files(report), files(tmp_path / "report")
    differing = {name for name in before | after if before.get(name) != after.get(name)}
    assert differing == {"run.html", "report.md"}
    pages = [text["report.md"].decode().split("\n# Run\n") for text in (before, after)]
    assert pages[0][0] == pages[1][0] and pages[0][1] != pages[1][1]


def test_text_of_a_ledger_is_text(report):
    soup = soups(report)["claims.html"]
    assert soup.select_one("#ABS-3 dl").text.count("<b>gain & loss</b>") == 1
    assert not soup.find("b")


@pytest.mark.parametrize("kept", [None, *TABLES])
def test_a_partial_run_says_what_is_missing_and_what_makes_it(results, tmp_path, kept):
    """With one table alone, or none."""
    partial = tmp_path / "results"
    partial.mkdir()
    if kept:
        (partial / kept).parent.mkdir()
        shutil.copy(results / kept, partial / kept)
    pages = {page.name: page for page in write_report(partial, tmp_path / "report")}
    assert len(pages) == len(PAGES)
    commands = {block.command for page in pages.values() for block in page.missing}
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    for path in TABLES:
        if not path.startswith(("hardware", "figures", "tables")):
            told = f"results/{path} is not made yet"
            assert (told in text) == (path != kept)
    assert commands >= {"snakemake results/manifest.json", "snakemake fig12", "snakemake table3"}
    shown = soups(tmp_path / "report")
    for name, page in pages.items():
        lacking = shown[f"{name}.html"].select(".missing li")
        assert len(lacking) == len(page.missing)
        assert name == "yourself" or kept == "claims/claims.csv" or lacking


def test_a_table_without_rows_is_told_of(results, tmp_path):
    other = tmp_path / "results"
    shutil.copytree(results, other, ignore=shutil.ignore_patterns("report"))
    heading = (other / "judge/switches.csv").read_text().splitlines()[0]
    (other / "judge/switches.csv").write_text(f"{heading}\n")
    write_report(other, tmp_path / "report")
    assert "results/judge/switches.csv has no rows" in (tmp_path / "report/claims.html").read_text()


def test_what_is_no_longer_linked_is_removed(results, tmp_path):
    other = tmp_path / "results"
    shutil.copytree(results, other, ignore=shutil.ignore_patterns("report"))
    write_report(other, tmp_path / "report")
    (other / "figures" / "fig16.csv").unlink()
    write_report(other, tmp_path / "report")
    assert not (tmp_path / "report" / "files" / "figures").exists() or not list(
        (tmp_path / "report" / "files" / "figures").iterdir()
    )


def test_a_report_whose_outputs_snakemake_took_away_is_written_again(results, tmp_path):
    write_report(results, tmp_path / "report")
    before = files(tmp_path / "report")
    (tmp_path / "report" / "index.html").unlink()
    (tmp_path / "report" / "report.md").unlink()
    write_report(results, tmp_path / "report")
    assert files(tmp_path / "report") == before


def test_a_folder_with_other_things_is_left_alone(results, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty, and no report"):
        write_report(results, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_table_that_lacks_a_column_stops_before_anything_is_written(results, tmp_path):
    other = tmp_path / "results"
    shutil.copytree(results, other, ignore=shutil.ignore_patterns("report"))
    (other / "claims" / "claims.csv").write_text("id,statement\nABS-1,fast\n")
    with pytest.raises(InputError, match="missing column 'location'"):
        write_report(other, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_no_such_results(tmp_path):
    with pytest.raises(InputError, match="no such folder of results"):
        write_report(tmp_path / "none", tmp_path / "report")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"config": 3, "packages": 5}', "manifest.json:1: packages: must be a mapping, not 5"),
        ('{"mugi": "\\ud800"}', "manifest.json: not JSON: half of a character"),
        ("\xff", "manifest.json: not YAML"),
    ],
)
def test_a_manifest_that_is_none_is_told(text, line, tmp_path, capsys):
    (tmp_path / "manifest.json").write_text(text, "latin-1")
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "report")]) == 2
    assert line in capsys.readouterr().err and not (tmp_path / "report").exists()


def test_figures_that_a_manifest_names_run_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mugi.figures.FIGURES", figures := dict(FIGURES))
    monkeypatch.setattr("mugi.report.figures.FIGURES", figures)
    run = f"{{{{ cycler.__init__.__globals__.os.mkdir('{tmp_path}/ran') }}}}"
    entry = {"number": "1", "title": "t", "category": "Array", "inputs": ["a"], "caption": run}
    write_text(tmp_path / "own.yaml", json.dumps({"own": entry}))
    write_text(tmp_path / "own.py", "")
    write_text(tmp_path / "results" / "figures" / "own.csv", "a\n1\n")
    made = {"mugi": "1", "commit": None, "dirty": None, "packages": {}}
    made["config"] = {"own_figures": [str(tmp_path / "own.yaml")]}
    write_text(tmp_path / "results" / "manifest.json", json.dumps(made))
    assert main(["report", str(tmp_path / "results"), "-o", str(tmp_path / "report")]) == 2
    assert "own.caption: may have keys of the configuration" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists() and not (tmp_path / "report").exists()


def test_only_files_of_the_results_are_linked(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "other.csv").touch()
    found = Results(tmp_path / "results")
    for path in ("../other.csv", str(tmp_path / "other.csv")):
        assert found.link(path) == f"{path} (not made yet)" and not found.linked
