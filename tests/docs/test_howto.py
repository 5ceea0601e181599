"""Each how-to page is followed to the letter; what adds to the package in a copy of it."""

import contextlib
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.docs.pages import DOCS, ROOT, apply, blocks, commands, run, run_here
from tests.workflow.project import copy_of_project

HOWTO = DOCS / "howto"
GRID = """
- &run {design: mugi, variant: vlp, array_height: [128, 256], model: llama_2_7b, batch_size: 8,
        seq_len: 4096, preset: as-published}
- {<<: *run, design: systolic, variant: mac, array_height: [8, 16]}
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    return copy_of_project(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder from which the documentation and the configuration can be seen."""
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "config.yaml").symlink_to(ROOT / "config.yaml")
    return tmp_path


@pytest.fixture
def hardware(checkout) -> Path:
    """A copy of the checkout with a small table of runs."""
    (checkout / "grid.yaml").write_text(GRID)
    run("mugi evaluate --grid grid.yaml -o results/hardware/hardware.csv", checkout)
    return checkout


def test_add_a_method(checkout):
    """In a package of one's own, installed as the page says but without an index; then in this."""
    page = HOWTO / "method.md"
    apply(page, checkout, "python", "toml")
    pip = "python -m pip install --quiet --no-index --no-deps --no-build-isolation"
    run(f"{pip} --target installed ./mine", checkout)
    for command in commands(page):
        run(command, checkout, str(checkout / "installed"))
    table = pd.read_csv(checkout / "fit.csv")
    error = table[table["error"] == "weighted_absolute_error"].set_index("method")["value"]
    assert error["nearest:points=256,range=16"] < 0.1 * error["nearest:points=16,range=16"]
    own = commands(page)[0]
    assert "unknown method 'nearest'" in run(own, checkout, fails=True)
    shutil.copy(checkout / "mine" / "nearest.py", checkout / "mugi" / "methods")
    apply(page, checkout, "diff")
    run(own, checkout)
    assert "| `nearest` | `points` |" in run("mugi schema --markdown", checkout)


def test_add_an_accelerator(folder):
    apply(HOWTO / "accelerator.md", folder)
    for command in commands(HOWTO / "accelerator.md"):
        assert "throughput" in run_here(command, folder)


def test_add_an_assumption(checkout):
    """Without the flip nothing changes; with it the array takes longer and as much energy."""
    apply(HOWTO / "accelerator.md", checkout)
    (command,) = commands(HOWTO / "assumption.md")
    assert "unknown assumption 'output_drain'" in run(command, checkout, fails=True)
    plain = command.replace(" --assume output_drain=exposed", "")
    before = run(plain, checkout)
    apply(HOWTO / "assumption.md", checkout)
    assert run(plain, checkout) == before
    assert run(command, checkout) != before
    assert "`output_drain`" in run(
        "python -c 'from mugi.assumptions import markdown; print(markdown())'", checkout
    )


def test_add_a_model(folder):
    """To the cost model; and to accuracy, where the page's configurations have no mistakes."""
    text = (HOWTO / "model.md").read_text(encoding="utf-8")
    (config, content), *written = re.findall(r"cat > (\S+) <<EOF\n(.*?)EOF\n", text, re.DOTALL)
    (folder / config).write_text(content)
    shown = [text for text in commands(HOWTO / "model.md") if text.startswith("mugi ")]
    assert "30.53 B parameters, 3.353 B of them" in run_here(shown[0], folder)
    for evaluate in shown[1:3]:
        assert "throughput" in run_here(evaluate, folder)
    (folder / "results" / "models" / "smollm2_135m").mkdir(parents=True)
    assert [name for name, _ in written] == ["mine.yaml", "vision.yaml"]
    for name, content in written:
        (folder / name).write_text(content)
        assert "no mistakes" in run_here(f"mugi check {name}", folder)
    (folder / name).write_text(content.replace("digits", "digit"))
    assert "did you mean 'digits'?" in run_here(f"mugi check {name}", folder, fails=True)


def test_add_a_figure(hardware):
    apply(HOWTO / "figure.md", hardware)
    (command,) = commands(HOWTO / "figure.md")
    assert "Area: throughput against area" in run(f"{command} -n", hardware)
    table = "results/hardware/hardware.csv"
    run(f"python mine/area.py {table} -o results/figures/area", hardware)
    drawn = pd.read_csv(hardware / "results" / "figures" / "area.csv")
    assert len(drawn) == 4 and (hardware / "results" / "figures" / "area.png").exists()


def test_add_a_claim(hardware):
    apply(HOWTO / "claim.md", hardware)
    check, judge, plan = commands(HOWTO / "claim.md")
    assert "1 claims, no mistakes" in run(check, hardware)
    run(judge, hardware)
    mine = pd.read_csv(hardware / "results" / "mine.csv").set_index("id").loc["MINE-1"]
    assert mine["comparison"] == "qualitative" and mine["computed"] > 1
    assert mine["note"] == "Mugi(128) is at 1.07 of SA(16)"
    assert "--ledger=mine/claims.yaml" in run(plan, hardware)


@pytest.mark.slow
def test_add_a_metric(checkout):
    run("mugi prepare tiny -o results/models/smollm2_135m", checkout)
    apply(HOWTO / "metric.md", checkout)
    (command,) = commands(HOWTO / "metric.md")
    run(command, checkout)
    table = pd.read_csv(checkout / "results" / "mine.csv")
    metric = table[table["metric"] == "sure_share"]
    assert metric["value"].between(0, 1).all() and (metric["unit"] == "share of tokens").all()
    assert {"sure_share_difference"} <= set(table["metric"])


def test_accuracy_from_python(folder):
    """The program of the page on the Python API, on the tiny model."""
    run_here("mugi prepare tiny -o results/models/smollm2_135m", folder)
    (program,) = blocks(DOCS / "reference" / "api.md", "python")
    names = {}
    with contextlib.chdir(folder):
        exec(program, names)
    table = names["measured"].table
    pd.testing.assert_frame_equal(table, names["same"].table)
    assert {"exact", "native"} <= set(table["reference"])


def test_fit_on_drawn_inputs(folder):
    shown = [command for command in commands(HOWTO / "fit.md") if "profile" not in command]
    assert len(shown) == 5
    for command in shown:
        run_here(command, folder)


def test_the_tutorial(folder):
    """What it types about numbers and hardware; tests of workflow and models do the rest."""
    apply(DOCS / "tutorial.md", folder)
    shutil.copy(DOCS / "examples" / "lean_systolic.yaml", folder / "mine_array.yaml")
    for command in commands(DOCS / "tutorial.md"):
        if command.startswith("mugi ") and not command.startswith("mugi accuracy"):
            run_here(command, folder)
    assert len(pd.read_csv(folder / "results" / "mine.csv")) == 4
