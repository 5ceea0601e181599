"""What a run leaves behind, whichever way it ended."""

import json
import os
from types import SimpleNamespace

import pytest

from mugi import record
from mugi.errors import InputError
from mugi.report import run as run_page
from mugi.report.results import Results
from mugi.report.write import write_report


class Named(SimpleNamespace):
    """A namespace that can be in a set."""

    __hash__ = object.__hash__


class Graph:
    """What Snakemake says of jobs; `needed` and `done` are names of rules."""

    def __init__(self, rules, needed=(), done=()):
        self.needed, self.done = needed, done
        self.jobs = [job(rule) for rule in rules]

    def needrun(self, one):
        return one.rule.name in self.needed

    def finished(self, one):
        return one.rule.name in self.done

    def reason(self, one):
        return f"Missing output files: {one.output[0]}"


def job(rule):
    output = [] if rule == "all" else [f"results/{rule}.csv"]
    return Named(
        rule=SimpleNamespace(name=rule),
        wildcards_dict={"model": "tiny"} if rule == "sweep" else {},
        input=["results/b.csv", "results/a.csv", "results/a.csv"],
        output=output,
        log=[f"results/logs/{rule}.log"],
        benchmark=f"results/benchmarks/{rule}.tsv",
    )


def workflow(failed=(), **graph):
    made = Graph(["sweep", "all", "draw", "carbon"], **graph)
    wrong = {one for one in made.jobs if one.rule.name in failed}
    return SimpleNamespace(dag=made, scheduler=SimpleNamespace(failed=wrong))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    made = {
        "mugi": "0.1.0",
        "commit": None,
        "dirty": None,
        "packages": {"numpy": "2.0"},
    }  # all of them take a second to list
    monkeypatch.setattr(record, "manifest", lambda config: {**made, "config": config})
    return tmp_path / "results" / record.RUN


def begin(path, **graph):
    record.begin(path, {"figures": ["fig16"]}, "Snakefile", record.jobs_of(workflow(**graph)))
    return json.loads(path.read_text())


def end(path, succeeded, **graph):
    record.end(path, record.jobs_of(workflow(**graph)), succeeded)
    return json.loads(path.read_text())


def states(content):
    return {one["rule"]: one["state"] for one in content["jobs"]}


def test_a_run_that_finishes(path):
    begun = begin(path, needed=["sweep", "draw"])
    assert begun["state"] == "running" and begun["ended"] is None
    assert states(begun) == {"carbon": "kept", "draw": "not run", "sweep": "not run"}
    (path.parent / "benchmarks").mkdir()
    benchmark = path.parent / "benchmarks" / "sweep.tsv"
    benchmark.write_text("s\th:m:s\n90.0\t0:01:30\n")
    os.utime(benchmark, (1_000_000_090, 1_000_000_090))
    ended = end(path, True, needed=["sweep", "draw"], done=["sweep", "draw"])
    assert ended["state"] == "finished" and ended["ended"] >= begun["started"]
    assert states(ended) == {"carbon": "kept", "draw": "finished", "sweep": "finished"}
    sweep = ended["jobs"][2]
    assert sweep["started"] == "2001-09-09T01:46:40+00:00"
    assert sweep["ended"] == "2001-09-09T01:48:10+00:00"
    assert sweep["wildcards"] == {"model": "tiny"} and "results/sweep.csv" in sweep["reason"]
    assert sweep["inputs"] == ["results/a.csv", "results/b.csv"]
    assert ended["jobs"][0]["reason"] == ""
    assert ended["manifest"]["config"] == {"figures": ["fig16"]}


def test_runs_that_fail_are_stopped_or_killed_are_remembered(path):
    begin(path, needed=["sweep", "draw"])
    failed = end(path, False, needed=["sweep", "draw"], failed=["sweep"])
    assert failed["state"] == "failed"
    assert states(failed) == {"carbon": "kept", "draw": "not run", "sweep": "failed"}
    begin(path, needed=["sweep", "draw"])
    stopped = end(path, False, needed=["sweep", "draw"], done=["sweep"])
    assert stopped["state"] == "interrupted"
    begin(path, needed=["draw"])  # killed: it never says how it ended
    last = begin(path, needed=["draw"])
    assert [one["state"] for one in last["earlier"]] == ["killed", "interrupted", "failed"]
    assert [one["finished"] for one in last["earlier"]] == [0, 1, 0]
    assert [one["failed"] for one in last["earlier"]] == [0, 0, 1]
    for _ in range(30):
        last = begin(path)
    assert len(last["earlier"]) == record.EARLIER


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "running"}', "\x00\xff"])
def test_a_record_that_was_cut_is_none(path, text):
    path.write_text(text, "latin-1")
    assert record.read_record(path) == {}
    assert begin(path)["earlier"] == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"manifest": {}}, "run.json:1: manifest.mugi: missing"),
        ({"state": "gone"}, "state: 'gone' is not allowed"),
        ({"workflow": "\0"}, "run.json:1: workflow: "),
        ({"jobs": [{"rule": "draw"}]}, "jobs.0.wildcards: missing"),
        ({"jobs": 3}, "run.json:1: jobs: "),
        ({"started": "\ud800"}, "half of a character"),
    ],
)
def test_a_record_of_a_strangers_is_none_and_told(path, change, line):
    path.write_text(json.dumps(begin(path) | change))
    assert record.read_record(path) == {}
    with pytest.raises(InputError) as raised:
        record.checked_record(path)
    assert line in str(raised.value)


def test_a_benchmark_that_was_cut_tells_no_time(path):
    (path.parent / "benchmarks").mkdir()
    for text in ("", "s\th:m:s\n", "x\n1\n"):
        (path.parent / "benchmarks" / "sweep.tsv").write_text(text)
        assert begin(path)["jobs"][2]["started"] == ""


def test_a_full_disk_does_not_hide_what_failed(path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    begin(path)
    monkeypatch.setattr(record, "write_text", full)
    assert record.end(path, [], succeeded=False)["state"] == "interrupted"
    assert "No space left on device" in capsys.readouterr().err


def test_the_report_of_a_failed_run_shows_it(path):
    """There is no manifest.json yet: what made the results is in the record."""
    begin(path, needed=["sweep", "draw"])
    end(path, False, needed=["sweep", "draw"], failed=["sweep"])
    begin(path, needed=["sweep", "draw"])
    end(path, False, needed=["sweep", "draw"], failed=["draw"], done=["sweep"])
    results = Results(path.parent)
    assert results.config == {"figures": ["fig16"]}
    titles = [block.title for block in run_page.page(results).blocks if hasattr(block, "columns")]
    assert "Jobs of the last run, and why each had to run" in titles and "Runs before it" in titles
    write_report(path.parent, path.parent / "report")
    text = (path.parent / "report" / "run.html").read_text("utf-8")
    assert "failed" in text and "Missing output files: results/draw.csv" in text
