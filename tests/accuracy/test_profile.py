"""`mugi profile`: what it writes, and bad input."""

from pathlib import Path

import numpy as np
import pytest

from mugi.accuracy.concentration import PROFILE_COLUMNS, read_profile
from mugi.accuracy.profile import profile_inputs
from mugi.cli import main
from mugi.files import read_table
from mugi.llm.settings import ModelSettings


def profile(checkpoint, folder: Path, *options: str) -> int:
    output = ["-o", str(folder / "profile.parquet")]
    return main(["profile", str(checkpoint), "--dtype", "float32", *options, *output])


def test_the_command_writes_the_same_bytes_twice(checkpoint, tmp_path):
    samples = ["--samples", str(tmp_path / "samples.npz")]
    options = ["--length", "8", "--length", "16", "--tokens", "40", *samples]
    written = []
    for _ in range(2):
        assert profile(checkpoint, tmp_path, *options) == 0
        names = ["profile.parquet", "samples.npz"]
        written.append([(tmp_path / name).read_bytes() for name in names])
    assert written[0] == written[1]
    table = read_profile(tmp_path / "profile.parquet")
    assert list(table) == PROFILE_COLUMNS
    assert set(table["model"]) == {"tiny"}
    ordered = table.sort_values(["operation", "layer", "seq_len", "code"], ignore_index=True)
    assert ordered.equals(table)
    assert table["code"].dtype == np.uint16 and table["count"].dtype == np.int64
    total = table.groupby(["operation", "seq_len"])["count"].sum()
    assert total["activation", 8] == 3 * 40 * 48
    assert total["activation", 16] == 3 * 32 * 48  # whole windows
    assert len(np.load(tmp_path / "samples.npz")) == 6


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--length", "1"], "--length 1: must be at least 2 tokens"),
        (["--length", "64", "--tokens", "63"], "--tokens 63: must be at least 64 (the length)"),
        (["--length", "512"], "512 tokens a window: the model's context is 256 tokens"),
        (
            ["--length", "8", "--tokens", "900000"],
            "900000 tokens of text are needed; there are ",
        ),
        (["--recipe", "published", "--samples", "x"], "--samples: only with recipe lut"),
        (["--threads", "0"], "--threads 0: must be at least 1"),
    ],
)
def test_bad_input_is_one_line(checkpoint, tmp_path, capsys, options, line):
    assert profile(checkpoint, tmp_path, *options) == 2
    found = capsys.readouterr().err.splitlines()[-1]
    assert found.startswith(f"mugi profile: {line}")
    assert not (tmp_path / "profile.parquet").exists()


def test_a_notebook_gets_a_table(checkpoint):
    profile = profile_inputs(model=ModelSettings(str(checkpoint)), lengths=[16], tokens=32)
    assert list(profile.table) == PROFILE_COLUMNS
    assert profile.samples is None


@pytest.mark.slow
def test_the_claims_hold_on_the_embedded_model(smollm2, tmp_path):
    from mugi.claims import judge
    from mugi.ledger import load_ledger

    text = ["--length", "1024", "--tokens", "1024", "--name", "smollm2_135m"]
    path, table = str(tmp_path / "p.parquet"), tmp_path / "concentration.csv"
    assert main(["profile", str(smollm2), *text, "-o", path]) == 0
    assert main(["concentration", path, "-o", str(table)]) == 0
    ledger = {n: claim for n, claim in load_ledger().items() if claim.table == "concentration"}
    results = judge(ledger=ledger, tables={"concentration": read_table(table)})
    assert results["id"].tolist() == ["S3.3-1", "S3.3-2", "S3.4-1"]
    assert set(results["comparison"]) == {"on another model"}
    assert set(results["correction"]) == {"holds"}
