"""What `import mugi` gives: found by `help` and `dir`, with frames and one kind of error."""

import inspect
import pydoc
import subprocess
import sys

import pandas as pd
import pytest

import mugi

PUBLIC = ["InputError", "account_carbon", "emulated", "evaluate_accuracy", "evaluate_hardware"]
RUN = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 1, "seq_len": 128}
FRAME = pd.DataFrame([RUN])


def test_help_and_dir_know_what_is_loaded_lazily():
    assert set(PUBLIC) <= set(dir(mugi))
    assert "time, energy and area" in pydoc.render_doc(mugi.evaluate_hardware)
    whole = pydoc.plain(pydoc.render_doc(mugi))
    for name in PUBLIC:
        assert f"{name}(" in whole or f"class {name}" in whole
        assert inspect.getdoc(getattr(mugi, name))


def test_importing_mugi_imports_nothing_heavy():
    code = "import mugi, sys; print({'torch', 'pandas', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="nothing"):
        _ = mugi.nothing


def test_frames_come_first_and_nothing_is_printed(capsys):
    table = mugi.evaluate_hardware(FRAME)
    carbon = mugi.account_carbon(table)
    assert isinstance(carbon, pd.DataFrame) and FRAME.equals(pd.DataFrame([RUN]))
    pd.testing.assert_frame_equal(table, mugi.evaluate_hardware(grids=RUN))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: mugi.evaluate_hardware(), "give runs (a pandas DataFrame) or grids"),
        (lambda: mugi.evaluate_hardware(FRAME, grids=[RUN]), "give runs (a pandas DataFrame) or"),
        (lambda: mugi.evaluate_hardware([RUN]), "runs must be a pandas DataFrame, not list"),
        (lambda: mugi.evaluate_hardware(FRAME.assign(model="llama")), "unknown model 'llama'"),
        (lambda: mugi.account_carbon(RUN), "hardware must be a pandas DataFrame, not dict"),
        (lambda: mugi.account_carbon(FRAME), "missing column 'runtime_s'"),
        (lambda: mugi.emulated(3, "native").__enter__(), "must be one of transformers, not int"),
        (
            lambda: mugi.evaluate_accuracy("no/such/folder", approximations="native", texts=["x"]),
            "'no/such/folder'; one of: a checkpoint folder",
        ),
        (
            lambda: mugi.evaluate_accuracy(
                "org/name", approximations="softmx=exact", texts=["prose"]
            ),
            "did you mean 'softmax'",
        ),
    ],
)
def test_every_mistake_is_an_input_error(call, line):
    with pytest.raises(mugi.InputError) as caught:
        call()
    assert line in str(caught.value)
