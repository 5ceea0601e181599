"""A whole run of config/tiny.yaml: what it leaves, and what runs again when something changes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mugi.figures import FIGURES, output_paths
from tests.docs.outputs import undescribed
from tests.workflow.project import TINY, planned, run

JUDGED = {"judge_claims", "check_claims", "document_results", "write_report"}
# what looks at claims under other assumptions, costs and sizes
JUDGEMENT = {
    name
    for name, figure in FIGURES.items()
    if any(path.startswith("results/judge/") for path in figure.inputs)
}
# what takes the methods that the sweep of Fig. 6 selects
SELECTED = {
    *("approximate_selected", "weigh_approximations", "collect_fits", "fig08", "fig08_weighted"),
}
MODEL = {
    *("evaluate_accuracy", "sweep_accuracy", "tune_softmax", "profile_inputs"),
    *("collect_accuracy", "collect_tuning", "fig04", "fig06", "fig07", "table_accuracy"),
}
EVERYTHING = {
    *(MODEL | SELECTED | JUDGED | set(FIGURES) | {"prepare_model", "evaluate_hardware"}),
    *("simulate_array", "approximate_function", "account_carbon"),
}
CONFIGURED = "write_manifest"  # which holds the configuration
CUT = ["unshare", "--map-root-user", "--net"]  # a network namespace without any interface


@pytest.fixture(scope="module")
def finished(project) -> Path:
    """The copy after the run, without network where that can be cut."""
    prefix = CUT if shutil.which(CUT[0]) else []
    if prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        prefix = []
    done = run(project, "snakemake", *TINY, prefix=prefix)
    assert done.returncode == 0, done.stderr
    if not prefix:
        pytest.skip("the run passed, but cutting the network is not permitted here")
    return project


@pytest.mark.slow
class TestFinishedWorkflow:
    def test_the_run_leaves_every_result_without_network(self, finished):
        results = finished / "results"
        for name in ("accuracy", "hardware", "carbon", "claims"):
            assert (results / name / f"{name}.csv").stat().st_size > 1000
        for name in FIGURES:
            assert all((finished / path).stat().st_size > 10 for path in output_paths(name))
        assert list((results / "accuracy" / "lm_eval").glob("*.json"))

    def test_every_column_is_described(self, finished):
        assert undescribed(finished / "results") == []

    def test_every_rule_leaves_a_log_and_a_benchmark(self, finished):
        def names(folder, suffix):
            base = finished / "results" / folder
            return {path.relative_to(base).with_suffix("") for path in base.rglob(f"*{suffix}")}

        assert names("logs", ".log") == names("benchmarks", ".tsv")

    def test_a_second_run_does_nothing(self, finished):
        done = run(finished, "snakemake", *TINY)
        assert "Nothing to be done" in done.stdout + done.stderr

    def test_a_deleted_figure_is_the_only_thing_redrawn(self, finished):
        picture = finished / "results" / "figures" / "fig16.png"
        kept = picture.read_bytes()
        picture.unlink()
        assert planned(finished, *TINY) == {"all": 1, "fig16": 1, "write_report": 1}
        assert run(finished, "snakemake", *TINY).returncode == 0
        assert picture.read_bytes() == kept

    def test_a_deleted_table_is_rebuilt_with_its_descendants(self, finished):
        (finished / "results" / "carbon" / "carbon.csv").unlink()
        rules = planned(finished, *TINY)
        judged = dict.fromkeys(JUDGED, 1)
        assert rules == {"all": 1, "account_carbon": 1, "fig15": 1, **judged}
        assert run(finished, "snakemake", *TINY).returncode == 0

    @pytest.mark.parametrize(
        ("edited", "reruns", "spared"),
        [
            ("mugi/carbon.py", {"account_carbon", "fig15", *JUDGED, *JUDGEMENT}, EVERYTHING),
            ("mugi/claims.py", JUDGED | JUDGEMENT, EVERYTHING),
            ("figures/fig08.py", {"fig08", "write_report"}, EVERYTHING),
            ("figures/marks.py", {*FIGURES, *JUDGED}, EVERYTHING),
            ("mugi/accuracy/__init__.py", MODEL | SELECTED | JUDGED, {"prepare_model", "fig11"}),
            ("mugi/cli.py", set(), EVERYTHING),
        ],
    )
    def test_an_edited_module_reruns_what_uses_it(self, finished, edited, reruns, spared):
        path = finished / edited
        before, times = path.read_text(), path.stat()
        path.write_text(before + "# edited\n")
        try:
            rules = set(planned(finished, *TINY)) - {"all"}
        finally:
            path.write_text(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert reruns <= rules
        assert not (spared - reruns) & rules

    def test_a_changed_setting_reruns_what_takes_it(self, finished, tmp_path):
        tiny = yaml.safe_load((finished / "config" / "tiny.yaml").read_text())
        tiny["sweep"]["activation"] = ["pwl:segments=22,range=6"]
        changed = tmp_path / "changed.yaml"
        changed.write_text(yaml.safe_dump(tiny))
        rules = set(planned(finished, "--configfile", str(changed)))
        assert rules == {
            "all",
            "sweep_accuracy",
            "collect_accuracy",
            "fig06",
            *SELECTED,
            *JUDGED,
            CONFIGURED,
        }

    def test_the_report_builds(self, finished):
        done = run(finished, "snakemake", *TINY, "--report", "results/report.html")
        assert done.returncode == 0, done.stderr
        assert (finished / "results" / "report.html").stat().st_size > 100_000

    def test_the_same_run_gives_the_same_bytes(self, finished):
        kept = {
            path: path.read_bytes()
            for folder in ("approximations", "hardware", "carbon", "figures", "tables", "claims")
            for path in (finished / "results" / folder).glob("*.*")
            if path.stem != "fig06"
        }
        done = run(finished, "snakemake", *TINY, "--forcerun", "approximations", "hardware")
        assert done.returncode == 0, done.stderr
        assert run(finished, "snakemake", *TINY, "-R", "evaluate_hardware").returncode == 0
        for path, content in kept.items():
            assert path.read_bytes() == content, path
