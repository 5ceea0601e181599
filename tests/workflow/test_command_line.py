"""What people type at `snakemake`, and what it answers."""

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.workflow.project import TINY, copy_of_project, run

SWEEP = "results/accuracy/sweep/smollm2_135m.csv"


def threads(project, *arguments: str) -> str:
    """Return the threads of a job whose model may have 4."""
    four = "models={smollm2_135m: {threads: 4}}"
    done = run(project, "snakemake", "-n", SWEEP, *arguments, "--config", four)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search(r"--threads (\d)", done.stdout)[1]


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (["-j", "8"], "4"),
        pytest.param(["-c", "8"], "4", marks=pytest.mark.slow),
        pytest.param(["-j8", "-c", "3"], "3", marks=pytest.mark.slow),
    ],
)
def test_jobs_are_cores_and_numbers_within_braces_are_numbers(project, cores, expected):
    assert threads(project, *cores) == expected


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("accuracy={seed: -1}", "config: --config accuracy:1: accuracy.seed: must be greater"),
        pytest.param(
            "accuracy={seed: 1, seed: 2}",
            "config: --config accuracy:1: key 'seed' is there twice",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "accuracy={seed: ", "config: --config accuracy:2: not YAML", marks=pytest.mark.slow
        ),
    ],
)
def test_a_wrong_value_names_its_option(project, value, line):
    done = run(project, "snakemake", "-n", "accuracy", "--config", value)
    assert done.returncode == 2 and line in done.stderr and "Traceback" not in done.stderr


def test_unknown_targets_are_answered_with_names(project):
    nearest = {
        "fig99": "fig17",
        "tabel3": "table3",
        "hardwrae": "hardware",
        "results/figures/fig161.png": "results/figures/fig16.png",
        "results/accuracy/sweep/nomodel.csv": "results/accuracy/",
    }
    done = run(project, "snakemake", *nearest)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for target, near in nearest.items():
        [line] = [line for line in done.stderr.splitlines() if f"'{target}'" in line]
        assert line.startswith(f"snakemake: unknown target '{target}' (did you mean '{near}")
        assert "fig16, fig17, roofline" in line and "claims" in line


@pytest.mark.slow
def test_a_report_shows_what_there_is(project, tmp_path):
    into = [*TINY, "--directory", str(tmp_path)]
    done = run(project, "snakemake", *into, "--report", "report.html")
    assert done.returncode == 2 and "nothing to report yet" in done.stderr
    assert run(project, "snakemake", *into, "-c1", "fig02", "fig10").returncode == 0
    done = run(project, "snakemake", *into, "--report", "report.html")
    assert done.returncode == 0, done.stderr
    assert "left out: fig03, " in done.stderr and "fig10" in done.stderr
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    labels = re.findall(r'"labels": ({"[^}]*})', report)
    assert [list(json.loads(label)) for label in labels] == [["shows"], ["shows"]]
    assert "safe center" in report  # profiles/default/report.css, found with --directory too


@pytest.mark.slow
def test_only_models_on_a_gpu_ask_for_one(tmp_path):
    """In a copy without messages, which Snakemake prints instead of resources."""
    project = copy_of_project(tmp_path)
    for path in (project / "workflow" / "rules").glob("*.smk"):
        path.write_text(re.sub(r" +message:\n.*\n", "", path.read_text()))
    gpus = {"smollm2_135m": "0", "big": "1", "huge": "1"}
    devices = zip(["big", "huge"], ["cuda", "auto"], strict=True)
    model = {"source": "org/name", "dtype": "float16", "attention": "sdpa"}
    settings = {"models": {name: model | {"device": device} for name, device in devices}}
    for section in ("accuracy", "sweep", "datapath", "profile", "tuning"):
        settings[section] = {"models": list(gpus)}
    settings["shards"] = 2
    (tmp_path / "gpus.yaml").write_text(yaml.safe_dump(settings))
    targets = ["accuracy", "fig07", "results/accuracy/concentration.csv", "bigbench"]
    given = ["--configfile", str(tmp_path / "gpus.yaml")]
    done = run(project, "snakemake", "-n", *targets, *given)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = {}
    for name, text in re.findall(r"^rule (\w+):\n((?:    .*\n)+)", done.stdout, re.M):
        if found := re.search(r"resources: .*gpu=(\d)", text):
            asked.setdefault(name, {})[re.search(r"model=([^,\n]*)", text)[1]] = found[1]
    profile = yaml.safe_load((project / "profiles" / "slurm" / "config.yaml").read_text())
    assert asked == dict.fromkeys(set(profile["set-resources"]) - {"prepare_model"}, gpus)


def test_the_lock_of_a_killed_run_is_told_with_what_takes_it_away(project, tmp_path):
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/figures/fig10.pdf\n")
    into = ["--directory", str(tmp_path)]
    done = run(project, "snakemake", "-c1", "fig10", *into)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and line.startswith(
        f"{tmp_path}: a run was killed here; what it fi"
    )
    program, *options = shlex.split(re.search("`(.*)`", line)[1])
    assert run(project, program, *options).returncode == 0
    assert not lock.exists()


NO_LOCKS = "import fcntl\ndef refuse(*_): raise OSError(37, 'No locks')\nfcntl.flock = refuse\n"


def test_without_locks_nobody_is_said_to_be_dead(project, tmp_path):
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/figures/fig10.pdf\n")
    (tmp_path / "sitecustomize.py").write_text(NO_LOCKS)
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{project}"}
    done = run(project, "snakemake", "-c1", "fig10", "--directory", str(tmp_path), **path)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "at work here, or was killed: files cannot be locked" in line


@pytest.mark.parametrize(
    ("profile", "given"), [("default", ["config/tiny.yaml", "fig10"]), ("slurm", ["no.yaml"])]
)
def test_what_configfile_swallows_is_told(project, profile, given):
    by = ["--workflow-profile", f"profiles/{profile}"]
    done = run(project, "snakemake", "-n", *by, "--configfile", *given)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"snakemake: --configfile: no file '{given[-1]}'; targets" in done.stderr


READ_ONLY = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
BOUND = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && shift && exec "$@"'


@pytest.fixture
def read_only(project):
    """What to put before a command to which the project cannot be written."""
    prefix = [*READ_ONLY, BOUND, "sh", str(project)]
    has_unshare = shutil.which(READ_ONLY[0])
    if not has_unshare or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("a folder cannot be mounted read-only here")
    return prefix


def test_a_read_only_project_says_where_results_may_go(project, read_only):
    done = run(project, "snakemake", "-n", "fig10", prefix=read_only)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("snakemake --directory FOLDER")


@pytest.mark.slow
def test_everything_runs_from_a_read_only_project(project, read_only, tmp_path):
    done = run(project, "snakemake", *TINY, "--directory", str(tmp_path), prefix=read_only)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "claims" / "claims.csv").is_file()
