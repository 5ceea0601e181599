"""`mugi tune`: tables, cells, splits, bad input."""

import math
from pathlib import Path

import pytest

import mugi.accuracy.tune as tune
from mugi.files import read_table
from mugi.llm import load as loading
from mugi.llm import texts
from tests.accuracy.command import tune_tiny


def written(folder: Path) -> list[bytes]:
    return [(folder / f"{name}.csv").read_bytes() for name in ("tuning", "curve", "surface")]


@pytest.fixture
def tuned(checkpoint, tmp_path):
    assert tune_tiny(checkpoint, tmp_path, "--cells", str(tmp_path / "cells")) == 0
    return tmp_path


def test_tables_tell_every_choice(tuned):
    summary, curve, surface = (
        read_table(tuned / f"{name}.csv") for name in ("tuning", "curve", "surface")
    )
    assignments = ["native", "exact", "uniform_default", "uniform_best", "greedy", "descent"]
    assert summary["assignment"].tolist() == assignments * 2
    assert summary["split"].tolist() == ["tuning"] * 6 + ["held_out"] * 6
    assert set(summary.loc[summary["split"] == "held_out", "tokens"]) == {2 * 23}
    assert (summary["token_perplexity"].map(math.log) - summary["nll_nats"]).abs().max() < 1e-9
    assert set(summary["window_tokens"]) == {24} and set(summary["model"]) == {"tiny"}
    by_name = summary.set_index(["split", "assignment"])["kl_divergence_nats"]
    assert by_name["tuning", "descent"] <= by_name["tuning", "uniform_best"] * 1.5

    ends = curve[curve["tuned_layers"] == 3].set_index(["search", "split"])["nll_nats"]
    whole = summary.set_index(["assignment", "split"])["nll_nats"]
    for search in ("greedy", "descent"):
        for split in ("tuning", "held_out"):
            assert ends[search, split] == pytest.approx(whole[search, split], abs=1e-6)
    assert len(curve) == 2 * 2 * 4
    starts = curve[curve["tuned_layers"] == 0].set_index(["search", "split"])["nll_nats"]
    for (_, split), value in starts.items():
        assert value == pytest.approx(whole["uniform_default", split], abs=1e-6)
    chosen = surface[(surface["search"] == "greedy") & surface["chosen"]]
    on_tuning = curve[(curve["search"] == "greedy") & (curve["split"] == "tuning")]
    assert chosen["softmax"].tolist() == on_tuning["softmax"].tolist()[1:]
    points = on_tuning.sort_values("tuned_layers")["token_perplexity"].tolist()[1:]
    assert chosen["token_perplexity"].astype(float).tolist() == pytest.approx(points, rel=1e-6)
    lowest = surface[surface["search"] == "greedy"].groupby("layer")["token_perplexity"].min()
    assert chosen["token_perplexity"].tolist() == lowest.tolist()


def test_a_second_run_loads_no_model(tuned, checkpoint, monkeypatch):
    before = written(tuned)
    monkeypatch.setattr(loading, "load", lambda *args: pytest.fail("the model was loaded"))
    assert tune_tiny(checkpoint, tuned, "--cells", str(tuned / "cells")) == 0
    assert written(tuned) == before


def test_an_interrupted_run_goes_on(tuned, checkpoint, tmp_path_factory):
    cells = sorted((tuned / "cells").rglob("*.json"))
    for path in cells[::3]:
        path.unlink()
    folder = tmp_path_factory.mktemp("again")
    assert tune_tiny(checkpoint, folder, "--cells", str(tuned / "cells")) == 0
    assert written(folder) == written(tuned)
    assert sorted((tuned / "cells").rglob("*.json")) == cells


def test_documents_of_c4_are_tuned_on_or_held_out(checkpoint, tmp_path, monkeypatch):
    documents = ["too short", "first " * 9, "second " * 9, "third " * 9, "fourth " * 9]
    monkeypatch.setattr(texts, "c4_documents", lambda: iter(documents))
    monkeypatch.setattr("mugi.llm.hub.revision", lambda dataset: "0" * 40)
    seen = []
    original = tune._Bench.cut

    def windows(self, model, tokenizer):
        seen.extend(original(self, model, tokenizer))
        return seen

    monkeypatch.setattr(tune._Bench, "cut", windows)
    assert tune_tiny(checkpoint, tmp_path, "--text", "c4") == 0
    tuning, held_out = ([bytes(row.tolist()) for row in split] for split in seen)
    assert [len(tuning), len(held_out)] == [1, 2]
    assert len({*tuning, *held_out}) == 3 and {len(row) for row in held_out} == {24}
    assert read_table(tmp_path / "tuning.csv")["text"].unique().tolist() == ["c4"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--default", "max_exp=x"], "--default max_exp=x: must be max_exp=N or min_exp=N"),
        (["--base", "vlp:lot=8"], "'vlp:lot=8,max_exp=0': unknown parameter 'lot' (did you mean"),
        (["--tries", "0"], "--tries 0: must be at least 1"),
        (["--windows", "99999"], "2399976 tokens of text are needed; there are "),
        (["--window", "512"], "512 tokens a window: the model's context is 256 tokens"),
        (["--text", "prise"], "unknown text 'prise' (did you mean 'prose'?)"),
    ],
)
def test_bad_input_is_one_line(checkpoint, tmp_path, capsys, options, line):
    assert tune_tiny(checkpoint, tmp_path, *options) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"mugi tune: {line}")
    assert not list(tmp_path.glob("*.csv"))


def test_documents_are_halved_by_length():
    assert tune.halve(["aaaa", "bb", "cc"]) == (["aaaa"], ["bb", "cc"])
    assert tune.halve(["aa", "bb", "cccc", "d"]) == (["aa", "bb"], ["cccc", "d"])
