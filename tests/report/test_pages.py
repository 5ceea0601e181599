"""What pages say, and that everybody can read them."""

import re
from itertools import pairwise

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from mugi.errors import InputError
from mugi.files import read_table, write_table
from mugi.report import chart, verdict
from mugi.report.results import Results
from mugi.report.write import write_report
from mugi.verdicts import MEANING, RULES
from tests.report.results import claims as results_claims
from tests.report.results import conclusions, small_results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return small_results(tmp_path_factory.mktemp("run") / "results")


@pytest.fixture(scope="module")
def pages(results):
    write_report(results, results / "report")
    paths = (results / "report").glob("*.html")
    return {path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in paths}


def contrast(one: str, two: str) -> float:
    """Return the contrast of two colours such as #1a1a1a (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(one), luminance(two)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_of_verdicts_bear_dark_text():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert set(chart.COLOURS) == set(verdict.WORDS)
    assert all(contrast(colour, "#1a1a1a") >= 4.5 for colour in chart.COLOURS.values())
    assert contrast("#0b4fb3", "#f2f2f2") >= 4.5  # a link on code
    assert contrast("#444444", "#f4f7fc") >= 4.5  # the source of a quote


def test_structure_that_a_screen_reader_needs(pages):
    for name, soup in pages.items():
        assert soup.html["lang"] == "en"
        assert len(soup.find_all("h1")) == len(soup.find_all("main")) == 1, name
        levels = [int(tag.name[1]) for tag in soup.find_all(re.compile(r"^h\d$"))]
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert soup.select_one("a.skip")["href"] == "#content"
        assert [link["href"] for link in soup.select("nav [aria-current]")] == [f"{name}.html"]
        assert all(image.get("alt") for image in soup.find_all("img"))
        assert all(
            table.caption and table.find("th", scope="col") for table in soup.select("table")
        )
        assert all(select.find_parent("label") for select in soup.find_all("select"))
        names = [tag["id"] for tag in soup.find_all(id=True)]
        assert len(names) == len(set(names)), name


def test_three_sentences_to_repeat(pages):
    quotes = [quote.text for quote in pages["index"].select("blockquote")]
    assert len(quotes) == 3
    assert "Of 3 conclusions" in quotes[0] and "1 holds, 1 shrinks and 1 reverses" in quotes[0]
    assert "the what ABS-3 says of Mugi(256) over SA(16) moves least" in quotes[1]
    assert "printed 3.11, corrected 1.53" in quotes[1]
    assert quotes[1].endswith(
        "Even the first is 1.1 (ws_load_rows=sram_width) to 2.9 by one choice."
    )
    assert quotes[2].startswith("Whatever is assumed, the what ABS-3 says of Mugi(256) over SA(16)")
    said = "the what ABS-6 says of Mugi(256) over SA(16) is so in only 23 % of 2,000 combinations"
    assert said in quotes[2]


def test_what_not_to_leave_out(pages):
    lines = [line.text for line in pages["index"].select("#content > ul")[0].select("li")]
    assert lines[0].startswith("The 2.07 of LLM throughput: ")
    assert len(lines) == 1  # neither rivals of VLP nor a tensor core in these tables


def test_the_abstract_side_by_side(pages):
    rows = pages["index"].select("#table-abstract tbody tr")
    cells = [cell.text for cell in rows[0].select("td")]
    assert cells[:4] == ["ABS-3 What ABS-3 says", "2.07", "2.066", "2.064"]
    assert cells[4:6] == ["1.1 (ws_load_rows=sram_width) to 2.9", "holds"]


def test_every_verdict_has_its_rule_on_the_page(pages):
    text = pages["index"].find(id="rules").find_next("ul").text
    assert all(words in text for words in RULES.values())
    assert MEANING in pages["index"].text


def test_counts_of_claims_are_linked_and_summed(pages):
    rows = pages["index"].select("#table-crossed tbody tr")
    assert [cell.text for cell in rows[-1].select("td")] == ["all", "2", "1", "1", "1", "1", "6"]
    target = rows[0].select("a")[0]["href"]
    assert (
        target
        == "claims.html?verdict=not%20a%20result&compared=equal%20at%20the%20printed%20precision"
    )


def test_a_verdict_that_changes_changes_its_sentence_alone(results, pages, tmp_path):
    table = read_table(results / "claims/conclusions.csv")
    table.loc[1, "verdict"] = "holds"
    for path in ["claims/claims.csv", "judge/curve.csv"]:
        write_table(read_table(results / path), tmp_path / path)
    write_table(table, tmp_path / "claims/conclusions.csv")
    before = [quote.text for quote in verdict.quotes(Results(results))]
    after = [quote.text for quote in verdict.quotes(Results(tmp_path))]
    assert "2 hold and 1 reverses" in after[0]
    assert before[0] != after[0] and before[1:] == after[1:]


def test_each_sentence_is_two_clicks_from_its_number(pages):
    """From the sentence to the claim, from there to the table."""
    linked = [link["href"] for link in pages["index"].select(".quote a, #table-conclusions a")]
    claims = [href.partition("#")[2] for href in linked if href.startswith("claims.html#")]
    assert {"ABS-3", "ABS-4", "ABS-6"} <= set(claims)
    for name in claims:
        row = pages["claims"].find(id=name)
        assert row.find("a", href=re.compile(r"^files/hardware/|^files/carbon/")) or name == "ABS-6"


def test_a_claim_has_all_that_belongs_to_it(pages):
    row = pages["claims"].find(id="ABS-3")
    facts = {term.text: term.find_next("dd").text for term in row.find_all("dt")}
    assert facts["of"] == "Mugi(256) over SA(16)"
    assert facts["one switch at a time"] == (
        "from 1.1 (ws_load_rows=sram_width) to 2.9 (ws_timing=serial); 2 switches move it"
    )
    assert facts["make it again"].startswith("snakemake hardware results/judge/switches.csv, then")
    assert facts["table"] == "hardware/hardware.csv"
    assert facts["log"].strip() == "logs/evaluate_hardware.log"
    assert facts["configuration"] == "section hardware"
    assert facts["figure"].strip() == "Fig. 16"
    assert "2.064" in row.text and "holds" in row.text


def test_a_claim_that_is_wrong_as_written_shows_as_error_beside_the_others(tmp_path):
    claims = results_claims()
    blank = dict.fromkeys(claims, "") | {"id": "ABS-3 of mine.yaml", "reason": "id is there twice"}
    wrong = blank | {"comparison": "error", "correction": "error"}
    write_table(pd.concat([claims, pd.DataFrame([wrong])]), tmp_path / "claims/claims.csv")
    write_report(tmp_path, tmp_path / "report")
    soup = BeautifulSoup((tmp_path / "report/claims.html").read_text("utf-8"), "html.parser")
    row = soup.find(id="ABS-3_of_mine.yaml")
    assert row.select_one(".verdict").text == "error" and "id is there twice" in row.text
    assert len(soup.select("#table-claims tbody tr")) == len(claims) + 1


def test_a_verdict_that_is_none_stops_the_report(tmp_path):
    write_table(results_claims().assign(correction="hold"), tmp_path / "claims/claims.csv")
    with pytest.raises(InputError, match=r"unknown verdict 'hold'.*did you mean 'holds'"):
        write_report(tmp_path, tmp_path / "report")


def test_claims_are_filtered_by_what_the_issue_asks(pages):
    selects = {one["name"]: one for one in pages["claims"].select("#filters-claims select")}
    names = ["verdict", "compared", "section", "assumption", "command", "conclusion"]
    assert list(selects) == names
    choices = [option.text for option in selects["assumption"].find_all("option")]
    assert choices == ["all", "ws_load_rows", "ws_timing", "energy_scope", "row_storage"]


def test_conclusions_by_verdict(pages):
    items = pages["survives"].find(id="conclusions").find_next("ul").select("li")
    assert [item.text for item in items] == [
        "holds 1: Mugi gains throughput.",
        "shrinks 1: Mugi saves energy.",
        "reverses 1: Mugi saves carbon.",
    ]
    assert items[0].a["href"] == "index.html#C-t"


def test_switches_are_explained_where_they_are_named(pages):
    link = pages["survives"].select_one("#table-switches a[href*=switch-]")
    assert "weight" in pages["survives"].find(id=link["href"].partition("#")[2]).text


def test_intervals_and_where_it_holds(pages):
    text = pages["sure"].main.text
    assert "Of 3 comparisons" in text and "in 2, behind with as much in 0, and 1 are level" in text
    assert "ABS-4 over SA(16): synthesis, shared 70 %, sram 20 %" in text
    facts = pages["claims"].find(id="ABS-4").find("dl").text
    assert "1.446 to 1.632" in facts
    assert "unsure unit costs" not in pages["claims"].find(id="ABS-3").find("dl").text
    told = "llama_2_70b_GQA, throughput: it leads in 50 % against equal_area"
    assert told in pages["where"].main.text
    assert "unit costs alone" in text
    cells = [cell.text for cell in pages["where"].select("#table-where tbody td")]
    assert cells[3:5] == ["50", "2.06"] and cells[5].startswith("2.06 at batch 8, 4,096 tokens")
    years = [cell.text for cell in pages["where"].select("#table-breakeven tbody td")]
    assert years == ["mugi vlp 256", "on_chip", "energy_only", "7.98", "3.63", "0.05"]


def test_areas_in_gates(pages):
    page = pages["gates"]
    rows = [[cell.text for cell in row.select("td")] for row in page.select("#table-arrays tr")]
    assert rows[1:] == [
        ["Mugi (256)", "1.28", "1.28", "2", "1.6", "320"],
        ["SA (16)", "1", "1", "1", "1", "160"],
        ["SA, BF16×INT4 (16)", "", "", "0.75", "0.75", "120"],
    ]
    assert "partial sums, 20 %" in page.main.text
    kept = [cell.text for cell in page.select("#table-keeps tbody td:nth-of-type(n+3)")]
    assert [int(bits) for bits in kept] == [128, 128, 128, 0, 128, 32, 60, 12]
    assert "that one unit stands for, 1 (register) lie within the ±20 %" in page.main.text
    [choice] = page.select("#table-choices tbody tr")
    assert [cell.text for cell in choice.select("td")][2:] == [
        "row_storage=as_built",
        "1.535",
        "1.204",
    ]
    assert page.select_one("#table-universes")


def test_the_chart_has_its_counts_as_text():
    counts = verdict.counted(conclusions())
    drawing = chart.drawn(counts)
    assert "Abstract: 1 holds, 1 shrinks; §6.3.1: 1 reverses" in chart.described(counts)
    assert drawing.startswith("<svg") and ">1 reverses</text>" in drawing
    assert [*counts.columns] == ["holds", "shrinks", "reverses"]


def test_a_figure_has_caption_data_script_and_command(pages):
    text = pages["figures"].find(id="fig16").find_next("dl").text
    for part in [
        "figures/fig16.csv",
        "hardware/hardware.csv",
        "figures/fig16.py",
        "snakemake fig16",
    ]:
        assert part in text
    assert pages["figures"].find(id="fig16").find_next(class_="caption").find("p")
    assert "0.1235" in pages["figures"].find(id="table-table2").text


def test_accuracy_stands_with_its_intervals(pages):
    rows = [row.text for row in pages["accuracy"].select("#table-costs tbody tr")]
    assert "0.0034 [0.0001, 0.0066]told from 0" in rows[0]
    assert "0.0034one sequence, no interval" in rows[1]
    assert "27.4 [27.4, 27.4]" in pages["accuracy"].find(id="table-perplexity").text


def test_the_run_is_told(pages):
    text = pages["run"].text
    assert "c0ffee" in text and "1 files (dirty): README.md" in text
    rules = {row.td.text: row.text for row in pages["run"].select("#table-rules tbody tr")}
    assert "250.5" in rules["evaluate_hardware"]
    needs = {row.find("code").text: row for row in pages["run"].select("#table-claims tbody tr")}
    assert "6" in [cell.text for cell in needs["snakemake carbon"].find_all("td")]  # 4 s and 2 s
