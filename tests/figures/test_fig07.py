"""Fig. 7 from made-up curves and the published ones."""

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from figures import fig07
from mugi.errors import InputError
from mugi.files import read_table, write_table

PUBLISHED = Path(str(files("mugi") / "data" / "published_accuracy.csv"))


@pytest.fixture
def tuned(tmp_path) -> Path:
    """A folder with a curve and a summary as `mugi tune` writes them."""
    model, splits = {"model": "tiny"}, ["tuning", "held_out"]
    curve = [
        model | {"search": search, "split": split, "tuned_layers": layers}
        | {"token_perplexity": 20 - layers / 8, "kl_divergence_nats": 0.1 - layers / 64}
        for search in ["greedy", "descent"]
        for split in splits
        for layers in range(4)
    ]  # fmt: skip
    summary = [
        model | {"assignment": assignment, "split": split}
        | {"token_perplexity": 19.5, "kl_divergence_nats": 0.05}
        for assignment in ["exact", "native", "uniform_best", "greedy"]
        for split in splits
    ]  # fmt: skip
    write_table(pd.DataFrame(curve), tmp_path / "curve.csv")
    write_table(pd.DataFrame(summary), tmp_path / "tuning.csv")
    return tmp_path


def test_fig07_draws_what_it_writes(tuned):
    fig07.make([tuned / "curve.csv", tuned / "tuning.csv", PUBLISHED], tuned / "fig07")
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
    table = pd.read_csv(PUBLISHED)
    table[table["model"] == "vivit_base"].to_csv(tuned / "p.csv", index=False)
    with pytest.raises(InputError, match="nothing of llama_2_7b or llama_2_13b"):
        fig07.make([tuned / "curve.csv", tuned / "tuning.csv", tuned / "p.csv"], tuned / "fig07")
