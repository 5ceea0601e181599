"""Tables 1, 2 and 3."""

import re
from pathlib import Path

import pandas as pd

from figures import paper
from tests.figures.tables import draw
from tests.figures.test_paper_numbers import near


def text_of(path: Path) -> str:
    """Return a Markdown table with single blanks between its cells."""
    return re.sub(" +", " ", path.read_text(encoding="utf-8"))


def test_table1_has_the_sizes_of_llama_2(tmp_path):
    table = pd.read_csv(f"{draw('table1', tmp_path)}.csv").set_index("model")
    assert list(table.index) == list(paper.MODELS)
    assert table.kv_heads.tolist() == list(paper.MODELS.values())
    # parameters on the models' cards, less the embedding: 6.74, 13.02 and 68.98 billion
    embedding = table.hidden_size * table.vocabulary / 1e9
    total = (table.weights_billion + embedding)[["llama_2_7b", "llama_2_13b", "llama_2_70b_GQA"]]
    assert total.tolist() == [near(text) for text in ["6.74", "13.02", "68.98"]]
    assert "| 7B | 32 | 4096 |" in text_of(tmp_path / "table1.md")


def test_table2_has_the_settings_of_the_paper(tmp_path):
    table = pd.read_csv(f"{draw('table2', tmp_path)}.csv", keep_default_na=False)
    rows = table.set_index(["preset", "design", "variant", "array_height"]).sort_index()
    assert rows.loc[("as-published", "systolic", "mac", 16), "nonlinear_cycles"] == 45
    assert rows.loc[("corrected", "systolic", "mac", 16), "nonlinear_cycles"] == 44
    assert rows.loc[("as-published", "simd", "mac", 64), "wsram_kib"] == 512
    assert rows.loc[("corrected", "simd", "mac", 64), "wsram_kib"] == 1024
    assert rows.loc[("as-published", "tensor", "", 8), ["array", "macs_per_cycle"]].tolist() == [
        *["8×16×16", 2048]
    ]
    assert rows.loc[("corrected", "mugi", "vlp", 256), "macs_per_cycle"] == 256
    text = text_of(tmp_path / "table2.md")
    assert "| SA Taylor | 16×16 | 256 | 1 | 16 | 10 | 64 | 64 | 64 |" in text
    assert r"8$\times$16$\times$16" in (tmp_path / "table2.tex").read_text(encoding="utf-8")


def test_table3_has_the_papers_rows_and_honest_units(tmp_path):
    table = pd.read_csv(f"{draw('table3', tmp_path)}.csv")
    assert table.preset.value_counts().tolist() == [20, 20]
    published = table[:20]
    assert published.name.iloc[[0, 8, 12, 13, 19]].tolist() == [
        *["Mugi (128)", "SA (64)", "Tensor (8)", "Mugi (256)", "Tensor (8)"]
    ]
    text = text_of(tmp_path / "table3.md")
    assert "Energy eff. [tokens/s/µJ as printed, truly /MJ]" in text
    assert "Energy eff. [tokens/J]" in text.partition("corrected")[2]
    assert "tokens/s/µJ" in text.splitlines()[-1]
    assert "| SN | Mugi (256) | 1.39 | 3.10 | 142.82 | 3.37 |" in text
    assert "SN & Mugi (256) & 1.39 & 3.10 &" in (tmp_path / "table3.tex").read_text()
