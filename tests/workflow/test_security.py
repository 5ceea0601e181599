"""A whole run whose settings hold shell code, with tokens in its environment: what it leaves."""

from pathlib import Path

import pytest
import yaml

from mugi.config import read
from tests.workflow.project import copy_of_project, run

SHELL = """a $(touch pwned) `touch pwned`;'"& touch pwned #"""
MARKER = "marker" + "5e8c1f"  # in two, so that no copy of this file has it
SECRETS = dict.fromkeys(
    [
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"),
        *("WANDB_API_KEY", "OPENAI_API_KEY", "SNAKEMAKE_STORAGE_S3_SECRET_KEY", "MY_PASSWORD"),
    ],
    f"hf_{MARKER}",
)
DESIGN = "extends: [systolic]\nsummary: as systolic\n"
LEDGER = """
tables: {hardware: hardware}
claims:
  OWN-1:
    {location: here, statement: it runs, printed: "1", table: hardware, column: area_mm2 / area_mm2,
     source: here,
     where: {design: mugi, variant: vlp, array_height: 64, model: llama_2_7b, batch_size: 1,
             seq_len: 128, noc_rows: 1}}
"""


def settings(project: Path) -> dict:
    """Write files whose names hold shell code; return settings that name them."""
    folder = project / SHELL
    folder.mkdir()
    assert run(project, "mugi", "prepare", "tiny", "-o", str(folder / "model")).returncode == 0
    files = {
        "design": DESIGN,
        "ledger": LEDGER,
        "llm": (project / "mugi" / "hardware" / "models" / "llama_2_7b.yaml").read_text(),
        "costs": (project / "mugi" / "judge" / "costs.yaml").read_text(),
    }
    paths = {}
    for name, text in files.items():
        paths[name] = str(folder / f"{name} {SHELL}.yaml")
        Path(paths[name]).write_text(text)
    text = folder / "text.txt"
    text.write_text("To be, or not to be, that is the question. " * 20)
    given = read(project / "config.yaml", project / "config" / "tiny.yaml").content
    given["models"] = {"tiny": given["models"]["tiny"] | {"source": str(folder / "model")}}
    given["accuracy"]["corpora"] = ["prose", f"{text}=1"]
    given["accuracy"]["system_instruction"] = f"{SHELL}\ntouch pwned\n"
    given["hardware"].append(
        {"design": paths["design"], "array_height": 16, "model": [paths["llm"]]}
        | {"batch_size": 8, "seq_len": 4096}
    )
    given["own_claims"] = [paths["ledger"]]
    given["judge"]["costs"] = paths["costs"]
    given["judge"]["where"]["model"].append(paths["llm"])
    return given


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[str]]:
    """The project after a whole run, a failing one and Snakemake's report, and what they said."""
    project = copy_of_project(tmp_path_factory.mktemp("hostile"))
    hostile = project / "hostile.yaml"
    hostile.write_text(yaml.safe_dump(settings(project)))
    with_it = ["--configfile", str(hostile)]
    done = run(project, "snakemake", *with_it, **SECRETS)
    assert done.returncode == 0, done.stderr
    page = run(project, "snakemake", *with_it, "--report", "report.html", **SECRETS)
    assert page.returncode == 0, page.stderr
    own = {"source": "org/gated", "dtype": "float32", "attention": "sdpa", "device": "cpu"}
    (project / "gated.yaml").write_text(yaml.safe_dump({"models": {"gated": own}}))
    failing = ["results/accuracy/models/gated.csv", "--configfile", str(hostile), "gated.yaml"]
    failed = run(project, "snakemake", *failing, "--show-failed-logs", "--verbose", **SECRETS)
    assert failed.returncode == 1 and "cannot load model 'org/gated'" in failed.stderr
    return project, [one for ran in (done, page, failed) for one in (ran.stdout, ran.stderr)]


@pytest.mark.slow
def test_no_setting_is_run_by_the_shell(finished):
    project, _ = finished
    assert not list(project.rglob("pwned"))
    for table in ("accuracy/accuracy.csv", "judge/sure.csv", "claims/claims.csv"):
        assert (project / "results" / table).is_file()
    claims = (project / "results" / "claims" / "claims.csv").read_text()
    assert "OWN-1" in claims
    assert SHELL in (project / "results" / "hardware" / "hardware.csv").read_text()


@pytest.mark.slow
def test_no_token_is_in_any_file_that_a_run_writes(finished):
    project, said = finished
    files = [path for path in project.rglob("*") if path.is_file()]
    assert any(".snakemake" in path.parts for path in files)
    assert any(path.name == "gated.log" for path in files)
    assert not [str(path) for path in files if MARKER.encode() in path.read_bytes()]
    assert not any(MARKER in text for text in said)
