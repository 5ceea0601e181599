"""A run as a Workflow Run RO-Crate: a folder that tells programs how each file was made.

Rules are tools and steps of the workflow, jobs are actions: what they read, what they wrote, when.
Source of the terms: https://www.researchobject.org/workflow-run-crate (profiles 0.5, RO-Crate 1.1).
"""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import mugi
from mugi.errors import InputError, Mistake
from mugi.files import check_writable, sha256_of, write_text, write_whole
from mugi.project import MADE, sources
from mugi.record import FAILED, FINISHED, KEPT, RUN, RUNNING, checked_record
from mugi.runs import temporary_prefix

LEFT_OUT = ("models", "speech", "accuracy/cells")
"""Of results/: bulky, and made again from installed packages and what is not left out."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
CONFIG = "run-config.json"
OUTPUTS = {
    "claims": "results/claims/claims.csv",
    "conclusions": "results/claims/conclusions.csv",
    "report": "results/report/report.md",
}
"""Parameters of the workflow that are results: name -> file."""
STATUS = {FINISHED: "CompletedActionStatus", KEPT: "CompletedActionStatus"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files of a ZIP, so that its bytes tell contents alone


def write_crate(results: Path, folder: Path) -> int:
    """Write the crate of a folder of results into a new or empty one; return how many files it has.

    Raises InputError if there is something, or if no run that has ended left a record.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(Mistake("not empty; name a new or an empty folder", str(folder)))
    record = ended_run(results)
    check_writable(folder.parent / CONFIG)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=temporary_prefix(folder)) as place:
        made = Path(place) / folder.name
        _fill(made, results, record)
        made.rename(folder)
    return sum(path.is_file() for path in folder.rglob("*"))


def _fill(folder: Path, results: Path, record: dict) -> None:
    """Write all files of a crate."""
    snakefile = (results.parent / record["workflow"]).resolve()
    copied(results, folder / "results", LEFT_OUT)
    for name in sources():
        path = snakefile.parent / name
        if path.exists():
            copied(path, folder / name)
    write_text(folder / CONFIG, json.dumps(record["manifest"]["config"], indent=1))
    graph(folder, record, places(folder, results, snakefile.parent)).metadata.write(folder)


def ended_run(results: Path) -> dict:
    """Return the record of the last run; raises InputError if there is none that has ended."""
    record = checked_record(results / RUN)
    if record["state"] == RUNNING:
        raise InputError(Mistake("the run has not ended; run `snakemake`", str(results / RUN)))
    return record


def copied(source: Path, target: Path, left_out: tuple[str, ...] = ()) -> None:
    """Copy a file or a folder, without what is in `left_out`, made by running, or hidden."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        return

    def ignored(folder: str, names: list[str]) -> list[str]:
        inside = Path(folder).relative_to(source)
        return [
            name
            for name in names
            if name in MADE or name.startswith(".") or (inside / name).as_posix() in left_out
        ]

    try:
        shutil.copytree(source, target, ignore=ignored)
    except shutil.Error as error:  # of all files that could not be copied, with the reasons
        mistakes = [Mistake(f"not copied: {why}", file) for file, _, why in error.args[0]]
        raise InputError(*mistakes) from None


def places(folder: Path, results: Path, workflow: Path):
    """Return the function that says where a file of the run is in the crate; "" if it is not."""
    roots = {results.resolve(): Path("results"), workflow: Path()}

    def place(path: str) -> str:
        full = (results.parent / path).resolve()
        for root, inside in roots.items():
            if full.is_relative_to(root):
                found = inside / full.relative_to(root)
                if (folder / found).is_file():
                    return found.as_posix()
                if (folder / found).is_dir() and found.parts:
                    return f"{found.as_posix()}/"
        return ""

    return place


def graph(folder: Path, record: dict, place):
    """Return the crate's metadata: the workflow, its tools and steps, the run and its jobs."""
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    made = record["manifest"]
    ends = [job["ended"] for job in record["jobs"] if job["ended"]]
    published = record["ended"] or max(ends, default=record["started"])
    root = crate.root_dataset
    root["name"] = "A run of mugi-repro"
    root["description"] = (
        "Tables, figures, judged claims and report of a run of mugi-repro "
        f"{made['mugi']} (commit {made['commit'] or 'not known'}), which is {record['state']}."
    )
    root["datePublished"] = published[:10]
    root["license"] = entity(
        crate, "https://spdx.org/licenses/MIT", "CreativeWork", name="MIT licence"
    )
    root["conformsTo"] = [
        entity(crate, url, "CreativeWork", name=name, version=version)
        for url, (name, version) in PROFILES.items()
    ]
    files = Files(crate, folder, place)
    workflow = described_workflow(crate, folder, made, files)
    add_jobs(crate, record, workflow, files)
    files.add("results/run.json")
    files.add("results/manifest.json")
    return crate


def entity(crate, identifier: str, kind: str, /, **properties: object):
    """Add something that is no file, and return it; what has no value is left out."""
    from rocrate.model.contextentity import ContextEntity

    kept = {key: value for key, value in properties.items() if value not in (None, "", [])}
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **kept}))


class Files:
    """The files of a crate, each described once."""

    def __init__(self, crate, folder: Path, place):
        self.crate, self.folder, self.place = crate, folder, place

    def add(self, name: str, /, **properties: object):
        """Return the entity of a file or folder of the crate; None if there is no such file."""
        path = self.folder / name
        known = self.crate.get(name)
        if known is not None or not path.exists():
            return known
        if path.is_dir():
            return self.crate.add_dataset(path, dest_path=name, properties=properties)
        facts = {"contentSize": str(path.stat().st_size), "sha256": sha256_of(path)}
        return self.crate.add_file(path, dest_path=name, properties={**facts, **properties})

    def of(self, paths: list[str]) -> list:
        """Return the entities of files of the run that the crate has."""
        found = [self.add(name) for name in map(self.place, paths) if name]
        return [one for one in found if one is not None]


def described_workflow(crate, folder: Path, made: dict, files: Files):
    """Add the workflow with what goes into it, its configuration, and what comes out."""
    configured = files.add(
        CONFIG, name="configuration of the run", encodingFormat="application/json"
    )
    parameters = {"config": configured}
    parameters |= {name: files.add(path) for name, path in OUTPUTS.items()}
    formal = {}
    for name, example in parameters.items():
        if example is not None:
            formal[name] = entity(
                crate,
                f"#parameter-{name}",
                "FormalParameter",
                name=name,
                additionalType="File",
                workExample=example,
            )
            example["exampleOfWork"] = formal[name]
    return crate.add_workflow(
        folder / "Snakefile",
        "Snakefile",
        main=True,
        lang="snakemake",
        lang_version=made["packages"].get("snakemake"),
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "mugi-repro",
            "version": made["commit"] or mugi.__version__,
            "input": [formal["config"]],
            "output": [formal[name] for name in OUTPUTS if name in formal],
        },
    )


def add_jobs(crate, record: dict, workflow, files: Files) -> None:
    """Add the run, and its jobs as far as they were executed, in this run or an earlier one."""
    jobs = [job for job in record["jobs"] if job["state"] in (*STATUS, FAILED)]
    version = record["manifest"]["mugi"]
    tools, steps, actions, controls = {}, {}, [], []
    for number, job in enumerate(jobs, 1):
        rule = job["rule"]
        if rule not in tools:
            tools[rule] = entity(
                crate, f"#rule-{rule}", "SoftwareApplication", name=rule, softwareVersion=version
            )
            steps[rule] = entity(
                crate,
                f"#step-{rule}",
                "HowToStep",
                position=str(len(steps) + 1),
                workExample=tools[rule],
            )
        actions.append(add_job(crate, f"#job-{number}", job, tools[rule], files))
        controls.append(
            entity(
                crate,
                f"#control-{number}",
                "ControlAction",
                name=f"orchestrate {rule}",
                instrument=steps[rule],
                object=actions[-1],
            )
        )
    workflow["hasPart"], workflow["step"] = list(tools.values()), list(steps.values())
    run = entity(
        crate,
        "#run",
        "CreateAction",
        name="the run",
        description="Jobs that the last call of Snakemake kept are from calls before it.",
        instrument=workflow,
        object=[files.add(CONFIG)],
        result=[file for path in OUTPUTS.values() if (file := files.add(path)) is not None],
        startTime=min([job["started"] for job in jobs if job["started"]] + [record["started"]]),
        endTime=record["ended"],
        **status(record["state"], "results/run.json"),
    )
    engine = entity(
        crate,
        "#snakemake",
        "SoftwareApplication",
        name="Snakemake",
        url="https://snakemake.readthedocs.io",
        softwareVersion=record["manifest"]["packages"].get("snakemake"),
    )
    if controls:
        entity(
            crate,
            "#organize",
            "OrganizeAction",
            name="Snakemake's schedule",
            instrument=engine,
            object=controls,
            result=run,
        )
    crate.root_dataset["mentions"] = [run, *actions]


def add_job(crate, name: str, job: dict, tool, files: Files):
    """Add what a job did."""
    of = ", ".join(f"{key}={value}" for key, value in job["wildcards"].items())
    return entity(
        crate,
        name,
        "CreateAction",
        name=f"{job['rule']} {of}".strip(),
        description=job["reason"] or "kept from an earlier call of Snakemake",
        instrument=tool,
        object=files.of(job["inputs"]),
        result=files.of(job["outputs"]),
        startTime=job["started"],
        endTime=job["ended"],
        **status(job["state"], ", ".join(job["log"])),
    )


def status(state: str, log: str) -> dict[str, str]:
    """Return what an action's terms say of a state; where to read on if it failed."""
    if state in STATUS:
        return {"actionStatus": f"http://schema.org/{STATUS[state]}"}
    return {"actionStatus": "http://schema.org/FailedActionStatus", "error": f"{state}: see {log}"}


def zipped(folder: Path, path: Path) -> None:
    """Write a folder as a ZIP whose bytes depend on names and contents alone."""

    def write(temporary: str) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
                    entry.external_attr = 0o644 << 16
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, file.read_bytes())

    write_whole(path, write)
