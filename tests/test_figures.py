"""The table of figures, and the runs of the hardware model that each needs."""

from functools import cache

import pandas as pd
import pytest
import yaml

from figures import fig11, fig12, fig13, fig14, fig15, fig16, fig17, roofline, table3
from mugi import figures
from mugi.carbon import account_carbon
from mugi.config import check
from mugi.documents import Document
from mugi.errors import InputError
from mugi.figures import FIGURES, RUN, SUFFIXES, add_figures, captioned, needed_runs, output_paths
from mugi.files import read_table
from tests.figures.tables import PRESETS, ROOT, default_tables, hardware

READING = {
    "fig11": lambda runs, presets: fig11.metrics(runs, presets),
    "fig12": lambda runs, presets: fig12.metrics(runs, presets),
    "fig13": lambda runs, presets: fig13.components(breakdown_table(), runs, presets),
    "fig14": lambda runs, presets: fig14.metrics(runs, presets),
    "fig15": lambda runs, presets: fig15.shares(
        account_carbon(hardware=runs, presets=presets), presets[0], "corrected"
    ),
    "fig16": lambda runs, presets: fig16.latency(runs, presets[-1]),
    "fig17": lambda runs, presets: fig17.metrics(runs, presets),
    "roofline": lambda runs, presets: roofline.roofline(runs, presets[-1]),
    "table3": lambda runs, presets: [table3.table3(runs, preset) for preset in presets],
}


@cache
def breakdown_table() -> pd.DataFrame:
    return read_table(default_tables()["breakdown"])


@pytest.mark.parametrize("name", READING)
def test_a_figure_needs_the_runs_it_says_and_no_other(name):
    """Drawn from just the runs in figures.yaml; without any one of them it is refused."""
    wanted = needed_runs(name, hardware())
    runs = hardware().merge(wanted, on=RUN)
    assert len(runs) == len(wanted) > 0
    READING[name](runs, PRESETS)
    preset = PRESETS[0] if name == "fig15" else PRESETS[-1]
    used = runs.index[runs.preset == preset]
    for row in used[:: max(1, len(used) // 3)]:
        with pytest.raises(InputError, match="exactly one is needed"):
            READING[name](runs.drop(index=row), PRESETS)


def test_every_figure_has_a_script_and_the_default_configuration_draws_them_in_order():
    scripts = {path.stem for path in (ROOT / "figures").glob("*.py")}
    helpers = {"__init__", "cells", "marks", "output", "paper", "runs", "trace", "work"}
    assert scripts - helpers == set(FIGURES)
    drawn = yaml.safe_load((ROOT / "config.yaml").read_text())["figures"]
    assert drawn == [name for name in FIGURES if name in drawn]  # one that is not is no mistake


def test_inputs_are_filled_in_from_the_configuration():
    config = {"profile": {"models": ["a", "b"]}, "approximations": {"exp": {}, "silu": {}}}
    paths = FIGURES["fig04"].input_paths(config)
    assert paths == [
        f"results/accuracy/{kind}/{model}.parquet"
        for kind in ["profile", "profile_as_published"]
        for model in "ab"
    ]
    assert FIGURES["fig08"].input_paths(config)[1] == "results/approximations/silu.csv"
    assert output_paths("table3") == [f"results/tables/table3.{kind}" for kind in SUFFIXES["table"]]


def test_figures_of_the_hardware_say_what_they_need():
    assert set(READING) <= {name for name, figure in FIGURES.items() if figure.runs}


def test_a_narrowed_configuration_is_told_which_runs_its_figures_lack():
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    narrowed = settings | {"hardware": settings["hardware"][:5]}
    with pytest.raises(InputError) as error:
        check(Document("config", narrowed, {}))
    lines = str(error.value).splitlines()
    figures = ["fig11", "fig13", "fig14", "fig17", "roofline", "table3"]
    assert [line.split()[1] for line in lines] == figures
    assert "not at all: design=mugi, variant=vlp, array_height=128, noc_rows=4" in lines[1]
    check(Document("config", narrowed | {"figures": ["fig12", "fig15", "fig16", "table1"]}, {}))
    of_7b = [grid | {"model": "llama_2_7b"} for grid in settings["hardware"][:5]]
    check(Document("config", narrowed | {"hardware": of_7b, "figures": ["fig15", "fig16"]}, {}))
    flipped_too = {"assumption.dram_time": ["none", "per_op"]}
    twice = [grid | flipped_too for grid in narrowed["hardware"]]
    with pytest.raises(InputError, match=r"fig12 needs this run once, .* has 2 times: design=mugi"):
        check(Document("config", narrowed | {"hardware": twice, "figures": ["fig12"]}, {}))


def test_figures_of_ones_own_have_their_scripts_beside_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", dict(FIGURES))
    monkeypatch.setattr(figures, "OWN_SCRIPTS", {})
    entry = {"number": "Mine", "title": "mine", "category": "Hardware", "caption": "Mine."}
    entry |= {"inputs": ["results/hardware/hardware.csv"]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"mine": entry, "fig16": entry}))
    with pytest.raises(InputError) as caught:
        add_figures(path)
    assert len(caught.value.mistakes) == 3
    assert "fig16: the package has this figure" in str(caught.value)
    assert f"mine: no script '{tmp_path / 'mine.py'}'" in str(caught.value)
    path.write_text(yaml.safe_dump({"mine": entry}))
    (tmp_path / "mine.py").touch()
    for _ in range(2):  # the configuration is checked more than once
        add_figures(path)
    assert {"mine": tmp_path / "mine.py"} == figures.OWN_SCRIPTS
    assert output_paths("mine")[0] == "results/figures/mine.csv"


@pytest.fixture
def own(monkeypatch):
    """What gives the figures a figure of one's own, with a caption or inputs."""
    monkeypatch.setattr(figures, "FIGURES", dict(FIGURES))

    def add(**changes):
        figures.FIGURES["own"] = FIGURES["fig16"].model_copy(update=changes)
        return figures.FIGURES["own"]

    return add


CONFIG = {"profile": {"models": ["a", "b"], "tokens": 9}, "many": list(range(200))}


def test_a_caption_has_the_configuration_in_it(own):
    own(caption="{{ config.profile.models | join(', ') }}: {{ config.profile['tokens'] }}")
    assert captioned("own", CONFIG) == "a, b: 9"


@pytest.mark.parametrize(
    ("caption", "line"),
    [
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "no Call"),
        ("{{ config.__class__.__mro__ }}", "unsafe"),
        ("{{ 9 ** 9 ** 9 }}", "no Pow"),
        ("{{ 'a' | center(1000000000) }}", "no Filter"),
        ("{% for i in range(10) %}{% endfor %}", "no For"),
        ("{% include '/etc/passwd' %}", "no Include"),
        ("{% macro sum() %}{% endmacro %}", "no Macro"),
        ("{{ config.tuning.tries }}", "has no attribute 'tuning'"),
        ("{{ config.profile.tokens | join }}", "not iterable"),
        ("{{ config", "unexpected end"),
        ("{{ " + "(" * 5000, "own.caption"),
    ],
)
def test_a_caption_of_a_strangers_runs_nothing(own, caption, line):
    own(caption=caption)
    with pytest.raises(InputError, match=r"^own.caption: ") as raised:
        captioned("own", CONFIG)
    assert line in str(raised.value)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("results/{nothing.there}.csv", "names no list of the configuration"),
        ("results/{profile.tokens}.csv", "names no list of the configuration"),
        ("results/{many}/{many}.csv", "more than 10,000 paths"),
    ],
)
def test_inputs_of_a_strangers_are_one_line(own, path, line):
    with pytest.raises(InputError, match=line):
        own(inputs=[path]).input_paths(CONFIG)


def test_what_is_no_key_in_an_input_stays(own):
    figure = own(inputs=["results/{profile.models}{0!r}{:>99}.csv"])
    assert figure.input_paths(CONFIG)[0] == "results/a{0!r}{:>99}.csv"
