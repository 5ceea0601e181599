"""Which version of a hub data set is measured on; the hub itself is not asked here."""

import os

import huggingface_hub
import pytest

from mugi.errors import InputError
from mugi.llm import hub


@pytest.fixture
def asked(monkeypatch):
    """The hub's answers, data set -> commit: changed by the test."""
    answers = {"org/numbers": "a" * 40}

    def dataset_info(self, dataset, **settings):
        if dataset not in answers:
            raise OSError("no connection.\nsecond line")
        return huggingface_hub.hf_api.DatasetInfo(id=dataset, sha=answers[dataset])

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    hub.revision.cache_clear()
    yield answers
    hub.revision.cache_clear()


def test_the_hub_is_asked_once(asked):
    assert hub.revisions(["org/numbers"]) == {"org/numbers": "a" * 40}
    asked.clear()
    assert hub.revisions(["org/numbers"]) == {"org/numbers": "a" * 40}


def test_offline_the_last_download_counts(asked, tmp_path, monkeypatch):
    asked.clear()
    with pytest.raises(InputError, match=r"hub: no connection; it is not downloaded$"):
        hub.revision("org/numbers")
    for age, (kind, commit) in enumerate([("models", "c"), ("datasets", "d"), ("datasets", "e")]):
        snapshot = tmp_path / f"{kind}--org--numbers" / "snapshots" / (commit * 40)
        snapshot.mkdir(parents=True)
        (snapshot / "README.md").write_text(commit)
        os.utime(snapshot / "README.md", (1e9 - age, 1e9 - age))
    scan = huggingface_hub.scan_cache_dir
    monkeypatch.setattr(hub, "scan_cache_dir", lambda: scan(tmp_path))
    assert hub.revision("org/numbers") == "d" * 40
    with pytest.raises(InputError):
        hub.revision("org/others")
