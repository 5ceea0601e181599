"""What a model computes: the same bytes on as many threads, nearly the same on others.

On 1 and 2 threads, and with less than what the processor can (no AVX-512; no AVX either), as
docs/explained/accuracy.md says: log-losses to a millionth of a nat. Where inputs of a LUT are
rounded, one that lies between two entries may read the other one.
"""

import pandas as pd
import pytest

from mugi.files import read_table
from tests.workflow.project import run

pytestmark = pytest.mark.slow
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
SSE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}
LUT = "softmax=vlp:lut=10,max_exp=3;activation=vlp:lut=11,max_exp=2"
NATIVE_NATS, LUT_NATS = 1e-6, 1e-4


@pytest.fixture(scope="module")
def model(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    done = run(project, "mugi", "prepare", "tiny", "-o", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def measured(project, model, path, threads: int, **environment) -> bytes:
    """Measure a native, an exact and an approximated model; return the table's bytes."""
    arguments = ["--approx=native", "--approx=softmax=exact;activation=exact", f"--approx={LUT}"]
    arguments += ["--windows=2", "--window=64", f"--threads={threads}", "-o", str(path)]
    done = run(project, "mugi", "accuracy", str(model), *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.fixture(scope="module")
def one_thread(project, model):
    path = model.parent / "one.csv"
    measured(project, model, path, 1)
    return path


def log_losses(path) -> pd.Series:
    """Return log-losses in nats by approximation of softmax, native first."""
    table = read_table(path)
    return table[table["metric"] == "log_loss_nats"].set_index("softmax")["value"].astype(float)


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_threads_give_the_same_bytes(project, model, tmp_path, threads):
    one = measured(project, model, tmp_path / "one.csv", threads)
    assert measured(project, model, tmp_path / "other.csv", threads, PYTHONHASHSEED="7") == one


@pytest.mark.parametrize(("threads", "environment"), [(2, {}), (1, AVX2), (2, SSE)])
def test_others_differ_by_less_than_is_said(
    project, model, one_thread, tmp_path, threads, environment
):
    measured(project, model, tmp_path / "other.csv", threads, **environment)
    away = (log_losses(tmp_path / "other.csv") - log_losses(one_thread)).abs()
    print(away.to_string())
    assert len(away) == 3 and away["native"] < NATIVE_NATS
    assert away.max() < LUT_NATS
