"""What is printed of one run: what was understood of the model, and warnings."""

import pytest
import yaml

from mugi.cli import main
from tests.hardware.test_workload import MODELS

RUN = ["evaluate", "--design", "mugi", "--array-height", "64", "--batch-size", "3"]


def test_what_was_understood_of_a_model(capsys):
    """Two layers in a window of 23, two in one of 300; heads of 14 are no 60/6."""
    lengths = ["--prompt-len", "10", "--output-len", "190"]
    assert main([*RUN, "--model", MODELS["windows"], *lengths]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("2 KV heads, batch 3, 200 tokens a sequence (10 of the prompt)")
    layer = 60 * 14 * (2 * 6 + 2 * 2) + 3 * 60 * 130
    parameters = 5 * layer + 301 * 60
    cache = 3 * 2 * 28 * (2 * 23 + 3 * 200) / 2
    assert f"5 layers, {parameters / 1e3:.4g} k parameters" in lines[2]
    assert f"{cache / 1e3:.4g} kB of KV cache" in lines[2]


@pytest.mark.parametrize(("capacity_gb", "is_told"), [(1e-4, True), (1, False)])
def test_more_than_the_dram_holds(tmp_path, capsys, capacity_gb, is_told):
    device = {"capacity_gb": capacity_gb}
    technology = tmp_path / "small.yaml"
    technology.write_text(yaml.safe_dump({"extends": "45nm", "dram_device": device}))
    run = [*RUN, "--model", MODELS["windows"], "--seq-len", "200"]
    assert main([*run, "--technology", str(technology)]) == 0
    told = "1 runs keep more weights and KV cache than the technology has DRAM"
    assert (told in capsys.readouterr().err) == is_told
