"""Per-layer tuning: runs from any layer on, the searches against plain loops, resuming, Fig. 7."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from mugi.accuracy import tune
from mugi.accuracy.tuning import (
    Split,
    candidates,
    descent,
    distinct,
    greedy,
    local_errors,
    progress,
    uniform,
)
from mugi.accuracy.tuning_score import Text
from mugi.cli import main
from mugi.errors import InputError
from mugi.files import read_table
from mugi.llm.emulate import TableAttention
from mugi.llm.inject import injected
from mugi.llm.layers import EXACT, layered
from mugi.methods import Approximation, parse

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "figures"))

import fig07  # noqa: E402

METHODS = candidates("vlp:lut=3,mantissa=1,group=4", [0, 2, 3], [-4])
DEFAULT = METHODS[1]
WINDOWS = torch.stack([torch.arange(20) * 37 % 257, torch.arange(20) * 11 % 257])


def no_cells(key, measure):
    return measure()


def whole_logits(model, assignment, window) -> torch.Tensor:
    """Logits of one window by an ordinary run with an approximation a layer."""
    layers = [Approximation(softmax=method) for method in assignment]
    with injected(model, layers), torch.inference_mode():
        return model(window[None], use_cache=False).logits


def by_hand(model, assignment) -> dict[str, float]:
    """The score of an assignment over all windows, in float64 by definition."""
    nll, divergence, agreed = [], [], []
    for window in WINDOWS:
        here, exact = (
            torch.log_softmax(whole_logits(model, methods, window)[0, :-1].double(), -1)
            for methods in (assignment, [EXACT] * 3)
        )
        nll += (-here).gather(1, window[1:, None])[:, 0].tolist()
        divergence += (exact.exp() * (exact - here)).sum(1).tolist()
        agreed += (here.argmax(1) == exact.argmax(1)).tolist()
    mean = {"nll_nats": nll, "kl_divergence_nats": divergence, "top1_agreement": agreed}
    return {name: sum(values) / len(values) for name, values in mean.items()}


def test_tuning_leaves_no_trace(tiny_llama):
    with torch.inference_mode():
        native = tiny_llama(WINDOWS).logits
    before = tiny_llama.config._attn_implementation, list(tiny_llama.model.layers)
    with pytest.raises(ZeroDivisionError), layered(tiny_llama) as layers:
        Text(layers, WINDOWS).score([DEFAULT] * 3)
        1 / 0  # noqa: B018
    assert (tiny_llama.config._attn_implementation, list(tiny_llama.model.layers)) == before
    with torch.inference_mode():
        assert torch.equal(tiny_llama(WINDOWS).logits, native)


# --- scores ---------------------------------------------------------------------------------------


def test_scores_are_their_definitions_whatever_is_kept(tiny_llama):
    assignments = [[a, b, DEFAULT] for a in METHODS[:3] for b in METHODS[1:]]
    expected = [by_hand(tiny_llama, assignment) for assignment in assignments]
    with layered(tiny_llama) as layers:
        text = Text(layers, WINDOWS)
        for number, (assignment, by_definition) in enumerate(
            zip(assignments, expected, strict=True)
        ):
            text.keep(assignment[: number % 4])
            found = text.score(assignment)
            assert found.tokens == 2 * 19
            for name, value in by_definition.items():
                assert getattr(found, name) == pytest.approx(value, rel=1e-4, abs=1e-6), name
        exact = text.score([EXACT] * 3)
    assert exact.kl_divergence_nats == pytest.approx(0, abs=1e-6)
    assert exact.nll_minus_exact_nats == exact.standard_error_nats == 0
    assert exact.top1_agreement == 1


def test_the_same_tables_are_measured_once():
    methods = candidates("vlp:lut=8", range(-1, 8), range(-7, 2))
    alike = distinct(methods)
    assert len(methods) == 18 and len(set(alike.values())) == 10
    assert str(alike[parse("vlp:lut=8,min_exp=-4")]) == "vlp:lut=8,max_exp=3"
    sliding = candidates("vlp:lut=12", range(-1, 8), range(-7, 2))
    assert len(set(distinct(sliding).values())) == 18


# --- searches -------------------------------------------------------------------------------------


def test_greedy_is_a_plain_loop(tiny_llama):
    expected = []
    for layer in range(3):
        trials = {
            method: by_hand(tiny_llama, [*expected, method, *[DEFAULT] * (2 - layer)])["nll_nats"]
            for method in METHODS
        }
        expected.append(min(trials, key=trials.get))
    with layered(tiny_llama) as layers:
        text = Text(layers, WINDOWS)
        split = Split("tuning", lambda: text, no_cells)
        chosen, surface = greedy(split, METHODS, DEFAULT, 3)
        points = progress(split, chosen, DEFAULT)
    assert chosen == expected
    assert len(set(chosen)) > 1
    assert [set(scores) for scores in surface] == [set(map(str, METHODS))] * 3
    values = [
        scores[str(method)]["nll_nats"] for scores, method in zip(surface, chosen, strict=True)
    ]
    assert values == sorted(values, reverse=True)
    assert [point["nll_nats"] for point in points[1:]] == pytest.approx(values, abs=1e-6)
    assert points[0]["nll_nats"] == pytest.approx(by_hand(tiny_llama, [DEFAULT] * 3)["nll_nats"])


def test_local_errors_are_those_of_each_attention_alone(tiny_llama):
    with layered(tiny_llama) as layers:
        text = Text(layers, WINDOWS)
        found = local_errors(Split("tuning", lambda: text, no_cells), [EXACT, *METHODS])
        again = text.score([EXACT] * 3)
        seen = []
        layers.watch = lambda *arguments: seen.append(arguments)
        layers.logits(tiny_llama.get_input_embeddings()(WINDOWS[:1]), 0)
        layers.logits(tiny_llama.get_input_embeddings()(WINDOWS[1:]), 0)
    assert again.kl_divergence_nats == pytest.approx(0, abs=1e-6)
    for layer in range(3):
        assert found[layer]["exact"] == 0
        calls = [arguments for number, *arguments in seen if number == layer]
        exact, coarse = (
            torch.stack(
                [TableAttention(method, torch.device("cpu"))(*arguments) for arguments in calls]
            ).double()
            for method in (EXACT, METHODS[0])
        )
        error = ((coarse - exact) ** 2).sum() / (exact**2).sum()
        assert found[layer][str(METHODS[0])] == pytest.approx(error.item(), rel=1e-5)


def test_descent_never_moves_away_from_exact(tiny_llama):
    with layered(tiny_llama) as layers:
        text = Text(layers, WINDOWS)
        split = Split("tuning", lambda: text, no_cells)
        errors = local_errors(split, METHODS)
        chosen, surface = descent(split, errors, METHODS, tries=3)
        start = [min(METHODS, key=lambda m, row=row: row[str(m)]) for row in errors]
        ends = [split.score(each)["kl_divergence_nats"] for each in (start, chosen)]
        best = uniform(split, METHODS, 3)
    assert ends[1] <= ends[0]
    assert all(len(scores) == 3 for scores in surface)
    assert set(best) == set(map(str, METHODS))
    last = surface[-1][str(chosen[-1])]["kl_divergence_nats"]
    assert last == pytest.approx(ends[1], abs=1e-6)


# --- the command ----------------------------------------------------------------------------------


def run(checkpoint, folder: Path, *options: str) -> int:
    small = ["--base", "vlp:lut=3,mantissa=1,group=4", "--default", "max_exp=2", "--tries", "2"]
    anchors = ["--max-exp=0", "--max-exp=3", "--min-exp=-4"]
    text = ["--window", "24", "--held-out-windows", "2", "--dtype", "float32"]
    tables = ["-o", folder / "tuning.csv", "--curve", folder / "curve.csv"]
    tables += ["--surface", folder / "surface.csv"]
    return main(["tune", str(checkpoint), *small, *anchors, *text, *map(str, tables), *options])


def written(folder: Path) -> list[bytes]:
    return [(folder / f"{name}.csv").read_bytes() for name in ("tuning", "curve", "surface")]


@pytest.fixture
def tuned(checkpoint, tmp_path):
    assert run(checkpoint, tmp_path, "--cells", str(tmp_path / "cells")) == 0
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
    chosen = surface[(surface["search"] == "greedy") & surface["chosen"]]
    on_tuning = curve[(curve["search"] == "greedy") & (curve["split"] == "tuning")]
    assert chosen["softmax"].tolist() == on_tuning["softmax"].tolist()[1:]
    lowest = surface[surface["search"] == "greedy"].groupby("layer")["token_perplexity"].min()
    assert chosen["token_perplexity"].tolist() == lowest.tolist()


def test_a_second_run_loads_no_model(tuned, checkpoint, monkeypatch):
    before = written(tuned)
    monkeypatch.setattr(tune.subject, "load", lambda args: pytest.fail("the model was loaded"))
    assert run(checkpoint, tuned, "--cells", str(tuned / "cells")) == 0
    assert written(tuned) == before


def test_an_interrupted_run_goes_on(tuned, checkpoint, tmp_path_factory):
    cells = sorted((tuned / "cells").rglob("*.json"))
    for path in cells[::3]:
        path.unlink()
    folder = tmp_path_factory.mktemp("again")
    assert run(checkpoint, folder, "--cells", str(tuned / "cells")) == 0
    assert written(folder) == written(tuned)
    assert sorted((tuned / "cells").rglob("*.json")) == cells


def test_documents_of_c4_are_tuned_on_or_held_out(checkpoint, tmp_path, monkeypatch):
    documents = ["too short", "first " * 9, "second " * 9, "third " * 9, "fourth " * 9]
    monkeypatch.setattr(tune.corpus, "c4_documents", lambda: iter(documents))
    monkeypatch.setattr("mugi.llm.hub.revision", lambda dataset: "0" * 40)
    seen = []
    original = tune.Bench._windows

    def windows(self, model, tokenizer):
        seen.extend(original(self, model, tokenizer))
        return seen

    monkeypatch.setattr(tune.Bench, "_windows", windows)
    assert run(checkpoint, tmp_path, "--text", "c4") == 0
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
    assert run(checkpoint, tmp_path, *options) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"mugi tune: {line}")
    assert not list(tmp_path.glob("*.csv"))


def test_documents_are_halved_by_length():
    assert tune.halve(["aaaa", "bb", "cc"]) == (["aaaa"], ["bb", "cc"])
    assert tune.halve(["aa", "bb", "cccc", "d"]) == (["aa", "bb"], ["cccc", "d"])


# --- Fig. 7 ---------------------------------------------------------------------------------------


def test_fig07_draws_what_it_writes(tuned):
    published = ROOT / "mugi" / "data" / "published_accuracy.csv"
    fig07.make([tuned / "curve.csv", tuned / "tuning.csv", published], tuned / "fig07")
    assert {path.suffix for path in tuned.glob("fig07.*")} == {".csv", ".pdf", ".png"}
    points = read_table(tuned / "fig07.csv")
    ours = points[(points["source"] == "measured") & (points["series"] == "greedy")]
    curve = read_table(tuned / "curve.csv")
    for metric in ("token_perplexity", "kl_divergence_nats"):
        drawn = ours[ours["metric"] == metric]["value"].tolist()
        assert drawn == curve[curve["search"] == "greedy"][metric].tolist()
    stored = points[points["source"] == "published"].set_index(["model", "series", "tuned_layers"])
    value = stored["value"]
    assert value["llama_2_7b", "tuned", "32.0"] == 5.984056
    assert value["llama_2_13b", "tuned", "0.0"] == 5.961732
    assert value["llama_2_13b", "tuned", "39.0"] == 5.433414
    assert value["llama_2_7b", "printed", "32.0"] == 5.98
    assert value["llama_2_13b", "printed", "40.0"] == 5.43
    assert value["llama_2_7b", "exact", ""] == 5.754334


def test_fig07_without_published_points_is_one_line(tuned):
    table = pd.read_csv(ROOT / "mugi" / "data" / "published_accuracy.csv")
    table[table["model"] == "vivit_base"].to_csv(tuned / "p.csv", index=False)
    with pytest.raises(InputError, match="nothing of llama_2_7b or llama_2_13b"):
        fig07.make([tuned / "curve.csv", tuned / "tuning.csv", tuned / "p.csv"], tuned / "fig07")
