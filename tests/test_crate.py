"""A run as an RO-Crate: what the profiles require, and what of the run is in it."""

import json
import os
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

from mugi import record
from mugi.cli import main
from mugi.crate import LEFT_OUT, PROFILES, zipped
from mugi.files import write_text
from tests.test_record import Graph, Named
from tests.workflow.project import ROOT

VALIDATOR, CONTEXT = "roc-validator==0.13.0", "rocrate==0.13.0"
TABLES = {"evaluate": "hardware/hardware.csv", "judge": "claims/claims.csv"}
TABLES |= {"prepare": "models/tiny/model.safetensors", "tasks": "accuracy/lm_eval"}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder of results with the record of a run, one of whose jobs failed."""
    folder = tmp_path_factory.mktemp("run of tests") / "results"
    for name in TABLES.values():
        write_text(folder / name / "x.json" if "." not in name else folder / name, f"{name}\n1\n")
    write_text(folder / "accuracy" / "cells" / "one.json", "{}")
    write_text(folder / "manifest.json", "{}")
    write_text(folder / "logs" / "draw.log", "no\n")
    graph = Graph(["evaluate", "judge", "prepare", "tasks", "draw", "late"])
    graph.needed, graph.done = ["judge", "prepare", "tasks", "draw", "late"], TABLES
    for job in graph.jobs:
        name = TABLES.get(job.rule.name, f"figures/{job.rule.name}.png")
        job.output = [f"results/{name}"]
        job.input = ["results/hardware/hardware.csv", str(ROOT / "figures" / "marks.py")]
        job.input += [str(ROOT / "mugi" / "errors.py")]
    failed = {job for job in graph.jobs if job.rule.name == "draw"}
    flow = Named(dag=graph, scheduler=Named(failed=failed))
    snakefile = os.path.relpath(ROOT / "Snakefile", folder.parent)
    record.begin(folder / record.RUN, {"seed": 0}, snakefile, record.jobs_of(flow))
    record.end(folder / record.RUN, record.jobs_of(flow), succeeded=False)
    return folder


@pytest.fixture(scope="module")
def crate(results) -> Path:
    folder = results.parent / "crate"
    assert main(["crate", str(results), "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def entities(crate) -> dict[str, dict]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({one["@id"] for one in graph}) == len(graph)
    return {one["@id"]: one for one in graph}


def of_type(entities, kind: str) -> list[dict]:
    return [one for one in entities.values() if kind in as_list(one["@type"])]


def as_list(value) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


def ids(value) -> list[str]:
    return [one["@id"] for one in as_list(value)]


def test_the_crate_has_the_workflow_and_results_without_what_is_bulky(crate):
    assert (crate / "Snakefile").read_bytes() == (ROOT / "Snakefile").read_bytes()
    assert (crate / "results" / "hardware" / "hardware.csv").is_file()
    assert json.loads((crate / "run-config.json").read_text()) == {"seed": 0}
    assert not any((crate / "results" / name).exists() for name in LEFT_OUT)
    assert not list(crate.rglob("__pycache__"))


def test_every_reference_leads_somewhere_and_every_file_is_there(crate, entities):
    for one in entities.values():
        for value in one.values():
            for item in as_list(value):
                if isinstance(item, dict):
                    assert item["@id"] in entities or item["@id"].startswith("https://"), item
    for one in of_type(entities, "File"):
        assert (crate / one["@id"].replace("%20", " ")).is_file()
    for one in of_type(entities, "Dataset"):
        assert (crate / one["@id"]).is_dir() and one["@id"].endswith("/")


def test_the_root_has_what_its_profiles_require(entities):
    root = entities["./"]
    assert set(ids(root["conformsTo"])) == set(PROFILES)
    assert root["mainEntity"]["@id"] == "Snakefile" and "license" in root
    assert len(root["datePublished"]) == 10 and root["name"] and root["description"]
    runs = [
        one for one in ids(root["mentions"]) if entities[one]["instrument"] == root["mainEntity"]
    ]
    assert runs == ["#run"]


def test_the_workflow_has_what_its_profiles_require(entities):
    workflow = entities["Snakefile"]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} <= set(
        workflow["@type"]
    )
    language = entities[workflow["programmingLanguage"]["@id"]]
    assert language["@type"] == "ComputerLanguage" and language["name"] == "Snakemake"
    for name in [*ids(workflow["input"]), *ids(workflow["output"])]:
        parameter = entities[name]
        assert parameter["@type"] == "FormalParameter" and parameter["additionalType"] == "File"
        assert entities[parameter["workExample"]["@id"]]["exampleOfWork"] == {"@id": name}
    instruments = {one["instrument"]["@id"] for one in of_type(entities, "CreateAction")}
    assert set(ids(workflow["hasPart"])) | {"Snakefile"} == instruments
    steps = [entities[name] for name in ids(workflow["step"])]
    assert [one["position"] for one in steps] == [str(n) for n in range(1, len(steps) + 1)]
    assert [one["workExample"] for one in steps] == workflow["hasPart"]


def test_jobs_tell_what_they_read_wrote_and_how_they_ended(entities):
    jobs = {one["name"]: one for one in of_type(entities, "CreateAction")}
    assert set(jobs) == {"the run", "evaluate", "judge", "prepare", "tasks", "draw"}
    judged = jobs["judge"]
    assert ids(judged["result"]) == ["results/claims/claims.csv"]
    assert ids(judged["object"]) == ["figures/marks.py", "results/hardware/hardware.csv"] or ids(
        judged["object"]
    ) == ["results/hardware/hardware.csv", "figures/marks.py"]
    assert judged["actionStatus"].endswith("/CompletedActionStatus") and "error" not in judged
    assert jobs["draw"]["actionStatus"].endswith("/FailedActionStatus")
    assert jobs["draw"]["error"] == "failed: see results/logs/draw.log"
    assert jobs["the run"]["error"] == "failed: see results/run.json"
    assert ids(jobs["tasks"]["result"]) == ["results/accuracy/lm_eval/"]
    assert "result" not in jobs["prepare"]  # the checkpoint is left out
    [schedule] = of_type(entities, "OrganizeAction")
    controls = [entities[name] for name in ids(schedule["object"])]
    assert schedule["result"] == {"@id": "#run"} and len(controls) == len(jobs) - 1
    for control in controls:
        job, step = entities[control["object"]["@id"]], entities[control["instrument"]["@id"]]
        assert step["workExample"] == job["instrument"]


def test_the_same_run_gives_the_same_bytes(results, crate, tmp_path):
    assert main(["crate", str(results), "-o", str(tmp_path / "again")]) == 0
    zipped(crate, tmp_path / "one.zip")
    for path in (tmp_path / "again").rglob("*"):
        os.utime(path, (1e9, 1e9))
    zipped(tmp_path / "again", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None and "ro-crate-metadata.json" in archive.namelist()


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (None, "no record of a run"),
        ("", "no record of a run"),
        ("running", "the run has not ended"),
    ],
)
def test_what_is_no_finished_run_is_refused(tmp_path, capsys, made, line):
    folder = tmp_path / "results"
    if made is not None:
        folder.mkdir()
    if made:
        text = {"state": made, "started": "", "ended": None, "jobs": [], "earlier": []}
        text |= {"command": [], "workflow": "Snakefile"}
        text["manifest"] = dict.fromkeys(["commit", "dirty"]) | {"mugi": "1", "packages": {}}
        text["manifest"]["config"] = {}
        (folder / record.RUN).write_text(json.dumps(text))
    assert main(["crate", str(folder), "-o", str(tmp_path / "crate")]) == 2
    told = capsys.readouterr().err
    assert line in told and told.count("\n") == 1 and not (tmp_path / "crate").exists()


def test_a_folder_that_is_not_empty_is_kept(results, tmp_path, capsys):
    (tmp_path / "mine").touch()
    assert main(["crate", str(results), "-o", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err and len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_copied_leaves_no_crate(results, tmp_path, capsys):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    (copy / "dangling").symlink_to("nowhere")
    assert main(["crate", str(copy), "-o", str(tmp_path / "crate")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"{copy / 'dangling'}: not copied: [Errno 2] No such file" in line
    assert list(tmp_path.iterdir()) == [copy]


def test_a_record_that_is_none_leaves_no_crate(tmp_path, capsys):
    text = '{"state": "finished", "started": "a", "ended": "b", "jobs": []}'
    write_text(tmp_path / "results" / "run.json", text)
    (tmp_path / "crate").mkdir()
    assert main(["crate", str(tmp_path / "results"), "-o", str(tmp_path / "crate")]) == 2
    assert "run.json: workflow: missing" in capsys.readouterr().err
    assert not list((tmp_path / "crate").iterdir())


@pytest.mark.slow
def test_the_validator_of_ro_crates_agrees(crate, tmp_path):
    """roc-validator, in an environment of its own: it needs other versions than ours.

    It would fetch the JSON-LD context of RO-Crate 1.1, which is inside of an older rocrate.
    """
    venv.create(tmp_path / "validator", with_pip=True)
    python = tmp_path / "validator" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, VALIDATOR], check=True)
    subprocess.run([*pip, "--no-deps", "--target", tmp_path / "older", CONTEXT], check=True)
    context = tmp_path / "older" / "rocrate" / "data" / "ro-crate.jsonld"
    profiles = ["provenance-run-crate", "workflow-run-crate", "process-run-crate"]

    def validated(folder: Path) -> tuple[int, str]:
        script = Path(__file__).parent / "validate_crate.py"
        command = [python, "-P", script, folder, context, *profiles]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    status, told = validated(crate)
    assert status == 0, told
    assert all(f"{profile}: valid" in told for profile in profiles)
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text())
    for one in metadata["@graph"]:
        one.pop("workExample", None)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ro-crate-metadata.json").write_text(json.dumps(metadata))
    status, told = validated(tmp_path / "broken")
    assert status == 1 and "FormalParameter MUST refer to a data entity" in told
