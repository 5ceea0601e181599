"""The real workflow, in a copy of the project: what runs, what reruns, what stops it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from mugi.sources import sources

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SMOKE = ["--configfile", "config/smoke.yaml"]
CUT = ["unshare", "--map-root-user", "--net"]  # a network namespace without any interface

# what takes the methods that the sweep of Fig. 6 selects
SELECTED = {
    *("approximate_selected", "weigh_approximations", "collect_fits", "fig08", "fig08_weighted"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project as git would commit it, without results."""
    copy = tmp_path_factory.mktemp("copy") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def run(project: Path, *command: str, prefix: tuple | list = (), **environment: str):
    """Run a command of the environment in the copy, whose package comes first on the path."""
    return subprocess.run(
        [*prefix, BIN / command[0], *command[1:]],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(project: Path, *arguments: str) -> dict[str, int]:
    """Return rule -> number of jobs that a dry run would execute."""
    done = run(project, "snakemake", "-n", *arguments)
    assert done.returncode == 0, done.stderr
    table = re.search(r"^job +count\n[- ]+\n(.*?)\ntotal", done.stdout + done.stderr, re.M | re.S)
    return {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()} if table else {}


def test_table3_needs_the_cost_model_only(project):
    assert planned(project, "table3") == {"evaluate_hardware": 1, "table3": 1}


@pytest.mark.parametrize("target", ["hardware", "carbon", "fig15", "fig16"])
def test_hardware_targets_plan_no_model_evaluation(project, target):
    assert not {"prepare_model", "evaluate_accuracy", "sweep_accuracy"} & set(
        planned(project, target)
    )


def test_accuracy_target_plans_no_hardware(project):
    rules = set(planned(project, "accuracy"))
    assert {"prepare_model", "evaluate_accuracy", "sweep_accuracy"} <= rules
    assert "evaluate_hardware" not in rules


def test_the_papers_models_are_planned_without_network_or_token(project):
    rules = planned(project, "accuracy", "--configfile", "config/paper.yaml")
    assert (rules["evaluate_accuracy"], rules["sweep_accuracy"]) == (2, 2)


def test_bigbench_is_a_target_of_its_own(project):
    assert "fetch_bigbench" in planned(project, "bigbench")
    assert "fetch_bigbench" not in planned(project)


def test_a_dry_run_gives_reasons(project):
    done = run(project, "snakemake", "-n", "table3")
    assert "Missing output files: results/hardware/hardware.csv" in done.stdout + done.stderr


def test_a_wrong_configuration_stops_before_the_first_job(project, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("accuracy: {seed: -1}\nfigures: [fig99]\n")
    done = run(project, "snakemake", "--configfile", str(wrong))
    lines = [line for line in done.stderr.splitlines() if line.startswith("config:")]
    assert done.returncode == 2
    assert len(lines) == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project / "results").exists()


def test_hardware_commands_import_no_torch(project, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('torch is not needed')\n")
    path = os.pathsep.join([str(tmp_path), str(project)])
    (tmp_path / "runs.yaml").write_text(
        "- {design: mugi, variant: vlp, array_height: 128, model: llama_2_7b, "
        "batch_size: 8, seq_len: 4096}\n"
    )
    evaluate = ["mugi", "evaluate", "--grid", str(tmp_path / "runs.yaml")]
    done = run(project, *evaluate, "-o", str(tmp_path / "runs.csv"), PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    done = run(project, "snakemake", "-n", "table3", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert run(project, "mugi", "prepare", "smollm2_135m", "-o", "x", PYTHONPATH=path).returncode


def test_sources_follow_imports():
    carbon = sources("mugi.carbon")
    assert {"mugi/carbon.py", "mugi/errors.py", "mugi/files.py", "mugi/__init__.py"} <= set(carbon)
    assert not [path for path in carbon if "hardware" in path or "accuracy" in path]
    figure = sources("figures/fig16.py")
    assert {"figures/fig16.py", "figures/style.py"} <= set(figure)
    accuracy = sources("mugi.accuracy.command")
    assert {"mugi/llm/emulate.py", "mugi/methods/vlp.py"} <= set(accuracy)
    assert not [path for path in accuracy if "hardware" in path]


@pytest.mark.parametrize("start", ["mugi.nothing_here", "figures/none.py"])
def test_sources_of_nothing_are_an_error(start):
    with pytest.raises(FileNotFoundError):
        sources(start)


def test_sources_of_missing_data_are_an_error():
    with pytest.raises(FileNotFoundError):
        sources("mugi.carbon", "mugi/data/none.yaml")


def test_conda_environment_is_in_step_with_the_constraints():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    names = {name.lower().replace("-", "_"): version for name, version in pins.items()}
    listed = yaml.safe_load((ROOT / "envs" / "mugi.yaml").read_text())["dependencies"][-1]["pip"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[\w-]+(\[\w+\])?", text)[0] for text in project["dependencies"]}
    assert {entry.split("==")[0] for entry in listed} == needed
    for entry in listed:
        name, version = entry.split("==")
        assert names[name.split("[")[0].lower().replace("-", "_")] == version


def test_constraints_pin_versions_and_name_no_index():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line


@pytest.fixture(scope="module")
def finished(project) -> Path:
    """The copy after the smoke run, without network where that can be cut."""
    prefix = CUT if shutil.which(CUT[0]) else []
    if prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        prefix = []
    if (ROOT / "results" / "models").is_dir():  # 25 s of conversion, tested by `make` itself
        shutil.copytree(ROOT / "results" / "models", project / "results" / "models")
        for path in project.glob("results/models/**/*"):
            os.utime(path)
    done = run(project, "snakemake", *SMOKE, prefix=prefix)
    assert done.returncode == 0, done.stderr
    if not prefix:
        pytest.skip("the smoke run passed, but cutting the network is not permitted here")
    return project


@pytest.mark.slow
class TestFinishedWorkflow:
    def test_the_smoke_run_leaves_every_result_without_network(self, finished):
        results = finished / "results"
        for name in ("accuracy", "hardware", "carbon", "claims"):
            assert (results / name / f"{name}.csv").stat().st_size > 1000
        figures = yaml.safe_load((finished / "config.yaml").read_text())["figures"]
        for name in figures:
            folder = "tables" if name.startswith("table") else "figures"
            assert (results / folder / f"{name}.csv").is_file()
        assert list((results / "accuracy" / "lm_eval").glob("*.json"))

    def test_every_rule_leaves_a_log_and_a_benchmark(self, finished):
        def names(folder, suffix):
            base = finished / "results" / folder
            return {path.relative_to(base).with_suffix("") for path in base.rglob(f"*{suffix}")}

        assert names("logs", ".log") == names("benchmarks", ".tsv")

    def test_a_second_run_does_nothing(self, finished):
        done = run(finished, "snakemake", *SMOKE)
        assert "Nothing to be done" in done.stdout + done.stderr

    def test_a_deleted_figure_is_the_only_thing_redrawn(self, finished):
        picture = finished / "results" / "figures" / "fig16.png"
        kept = picture.read_bytes()
        picture.unlink()
        assert planned(finished, *SMOKE) == {"all": 1, "fig16": 1}
        assert run(finished, "snakemake", *SMOKE).returncode == 0
        assert picture.read_bytes() == kept

    def test_a_deleted_table_is_rebuilt_with_its_descendants(self, finished):
        (finished / "results" / "carbon" / "carbon.csv").unlink()
        rules = planned(finished, *SMOKE)
        judged = {"judge_claims": 1, "check_claims": 1}
        assert rules == {"all": 1, "account_carbon": 1, "fig15": 1, **judged}
        assert run(finished, "snakemake", *SMOKE).returncode == 0

    @pytest.mark.parametrize(
        ("edited", "reruns"),
        [
            (
                "mugi/carbon.py",
                {"account_carbon", "fig15", "fig16", "judge_claims", "check_claims"},
            ),
            ("mugi/claims.py", {"judge_claims", "check_claims"}),
            ("figures/fig08.py", {"fig08"}),
            (
                "mugi/accuracy/perplexity.py",
                {
                    *("evaluate_accuracy", "sweep_accuracy", "collect_accuracy", "fig06"),
                    *("tune_softmax", "collect_tuning", "fig07", "table_accuracy"),
                    *SELECTED,
                    *("judge_claims", "check_claims"),
                },
            ),
            ("mugi/cli.py", set()),
        ],
    )
    def test_an_edited_module_reruns_what_uses_it(self, finished, edited, reruns):
        path = finished / edited
        before, times = path.read_text(), path.stat()
        path.write_text(before + "# edited\n")
        try:
            rules = set(planned(finished, *SMOKE)) - {"all"}
        finally:
            path.write_text(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert rules == reruns

    def test_a_changed_setting_reruns_what_takes_it(self, finished, tmp_path):
        smoke = yaml.safe_load((finished / "config" / "smoke.yaml").read_text())
        smoke["sweep"]["activation"] = ["pwl:segments=22,range=6"]
        changed = tmp_path / "changed.yaml"
        changed.write_text(yaml.safe_dump(smoke))
        rules = set(planned(finished, "--configfile", str(changed)))
        judged = {"judge_claims", "check_claims"}
        assert rules == {"all", "sweep_accuracy", "collect_accuracy", "fig06", *SELECTED, *judged}

    def test_the_report_builds(self, finished):
        done = run(finished, "snakemake", *SMOKE, "--report", "results/report.html")
        assert done.returncode == 0, done.stderr
        assert (finished / "results" / "report.html").stat().st_size > 100_000

    def test_the_same_run_gives_the_same_bytes(self, finished):
        kept = {
            path: path.read_bytes()
            for folder in ("approximations", "hardware", "carbon", "figures", "tables", "claims")
            for path in (finished / "results" / folder).glob("*.*")
            if path.stem != "fig06"
        }
        done = run(finished, "snakemake", *SMOKE, "--forcerun", "approximations", "hardware")
        assert done.returncode == 0, done.stderr
        assert run(finished, "snakemake", *SMOKE, "-R", "evaluate_hardware").returncode == 0
        for path, content in kept.items():
            assert path.read_bytes() == content, path
