"""The command line as people expect it: versions, slips of the pen, help, the last line, JSON."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

import mugi
from mugi.cli import COMMANDS, Parser, main, with_home
from mugi.files import TABLES
from mugi.hardware.runs import KEYS

RUN = [
    "--design",
    "mugi",
    "--array-height",
    "64",
    "--model",
    "llama_2_7b",
    "--batch-size",
    "1",
    "--seq-len",
    "128",
]


def left(capsys, *arguments: str) -> tuple[int, str, str]:
    """Return status, standard output and standard error of a command line."""
    try:
        status = main(list(arguments))
    except SystemExit as exit:
        status = exit.code
    return status, *capsys.readouterr()


def test_version(capsys):
    assert left(capsys, "--version") == (0, f"mugi {mugi.__version__}\n", "")


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("evalute", "mugi: unknown command 'evalute' (did you mean 'evaluate'?); one of: check"),
        ("evaluate --desing mugi", "unknown option '--desing' (did you mean '--design'?)"),
        ("carbon runs.csv --ouptut x.csv", "unknown option '--ouptut' (did you mean '--output'?)"),
        ("accuracy m -o x --window=1 --windw=2", "unknown option '--windw' (did you mean '--win"),
        ("accuracy m -o x.csv --dtype bf16", "'bf16' (did you mean 'bfloat16'?); one of: float32"),
        ("approximate silo -1 1 -o x.csv", "unknown function 'silo' (did you mean 'silu'?)"),
        ("collect a.csv", "arguments are required: -o/--output; see mugi collect --help"),
    ],
)
def test_a_slip_of_the_pen_is_one_line_with_the_nearest_name(capsys, typed, line):
    status, printed, told = left(capsys, *typed.split())
    assert (status, printed, told.count("\n")) == (2, "", 1)
    assert line in told and told.startswith("mugi")


@pytest.mark.parametrize(
    "typed",
    [
        "datapath m",
        "fit",
        "weigh",
        "explore no.yaml",
        "simulate",
        "approximate exp -- -1 0",
        "concentration x",
    ],
)
def test_an_output_of_another_kind_stops_before_work(capsys, typed):
    command, *rest = typed.split()
    status, printed, told = left(capsys, command, "-o", "x.txt", *rest)
    assert (status, printed) == (2, "") and "'x.txt' must end in .csv or .parquet" in told, told


def test_a_tilde_is_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    found = [
        with_home(text) for text in ("~/a.csv", "--output=~/a.csv", "~me", "--x=y=~/a", "a~/b")
    ]
    assert found == ["/home/me/a.csv", "--output=/home/me/a.csv", "~me", "--x=y=~/a", "a~/b"]


def test_numbers_below_zero_and_options_cut_short_are_no_slips(capsys, tmp_path):
    given = ["approximate", "exp", "--meth", "exact", "-o", str(tmp_path / "x.csv")]
    assert left(capsys, *given, "--", "-2", "-1")[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_described(command):
    parser = Parser()
    import_module(f"mugi.commands.{command}").add_arguments(parser)
    inner = parser._subparsers._group_actions[0].choices.values() if parser._subparsers else []
    actions = [action for one in (parser, *inner) for action in one._actions]
    assert [action.dest for action in actions if not action.help] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_last_line(command):
    assert "closing(" in inspect.getsource(import_module(f"mugi.commands.{command}").run)


def test_help_of_evaluate_names_the_choices(capsys):
    status, printed, _ = left(capsys, "evaluate", "--help")
    assert status == 0
    for text in [
        *(f"--{key.replace('_', '-')} N" for key in KEYS),
        "systolic, tensor",
        "llama_3_8b",
    ]:
        assert text in printed
    assert "as-published or corrected" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("approximate exp --method exact -o {}.csv -- -1 0", "{}.csv: 1,027 rows"),
        ("lookup exp vlp:lut=12,max_exp=3 --input -1 -o {}.csv", "{}.csv: 96 rows"),
        ("trace exp -o {}.csv", "{}.csv: 248 rows"),
        (
            "evaluate " + " ".join(RUN) + " -o {}.csv --breakdown {}.parquet",
            "{}.csv: 1 run; {}.parq",
        ),
        ("assumptions", "stdout: "),
        ("schema", "stdout: what config.yaml may hold"),
    ],
)
def test_the_last_line_says_what_was_written_where(capsys, tmp_path, typed, line):
    stem = str(tmp_path / "x")
    status, printed, told = left(capsys, *typed.replace("{}", stem).split())
    assert status == 0
    has_data = len(printed.splitlines()) > 1
    assert (told if has_data else printed).splitlines()[-1].startswith(line.replace("{}", stem))


def test_json_is_the_table_with_its_components(capsys, tmp_path):
    status, printed, told = left(capsys, "evaluate", *RUN, "--json", "-o", str(tmp_path / "x.csv"))
    result, table = json.loads(printed), pd.read_csv(tmp_path / "x.csv")
    assert status == 0 and told.endswith("x.csv: 1 run\n")
    assert result["tokens_per_s"] == table.loc[0, "tokens_per_s"]
    area = sum(part["area_mm2"] for part in result["components"] if part["level"] != "dram")
    assert area == pytest.approx(result["area_mm2"], rel=1e-12)
    status, printed, _ = left(capsys, "assumptions", "decode_steps", "--json")
    [entry] = json.loads(printed)
    assert entry["name"] == "decode_steps" and status == 0


def test_json_of_tables_is_refused(capsys):
    assert "--json is for one configuration" in left(capsys, "evaluate", "x.csv", "--json")[2]


def test_a_folder_with_a_package_of_its_own_is_told_which_runs(capsys, tmp_path, monkeypatch):
    """A project that was copied after `make`, whose environment is still the original's."""
    (tmp_path / "mugi").mkdir()
    (tmp_path / "mugi" / "cli.py").touch()
    monkeypatch.chdir(tmp_path)
    assert "`make install` repairs it" in left(capsys, "assumptions")[2]


def test_what_is_typed_moves_no_terminal(capsys):
    assert left(capsys, "check", "x", "\x1b[31mc")[2] == (
        "mugi: unrecognized arguments: \\x1b[31mc; see mugi --help\n"
    )


def test_a_name_that_is_no_text_is_one_line_and_no_file(capsys, tmp_path):
    config = "mugi/hardware/models/llama_2_7b.yaml"
    model = tmp_path / "m\udcff.yaml"
    model.write_bytes((Path(mugi.__file__).parents[1] / config).read_bytes())
    run = [*RUN, "--model", str(model), "-o", str(tmp_path / "o.csv")]
    status, _, told = left(capsys, "evaluate", *run)
    assert (status, [path.name for path in tmp_path.iterdir()]) == (2, [model.name])
    assert "m\\udcff.yaml' is not UTF-8 text" in told.splitlines()[-1]


def test_want_of_memory_is_one_line_and_a_bug_is_none(capsys, monkeypatch, tmp_path):
    def raises(error: Exception):
        def run(*_) -> None:
            raise error

        return run

    command = import_module("mugi.commands.simulate")
    monkeypatch.setattr(command, "simulated", raises(MemoryError("Unable to allocate 1 PiB")))
    typed = ["simulate", "-o", str(tmp_path / "x.csv")]
    assert left(capsys, *typed) == (2, "", "mugi simulate: it needs more memory than there is\n")
    monkeypatch.setattr(command, "simulated", raises(TypeError("a bug")))
    with pytest.raises(TypeError):
        main(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "claims {}/one.csv -o {}/conclusions.csv",
        "rtl compare --units {}/a.csv --sums {}/b.csv -o {}/a.csv",
        "judge universes {}/one.csv --summary {}/a.csv --indices {}/b.csv -o {}/a.csv",
        "tune {}/m.gguf --max-exp 1 --max-exp 2 --surface {}/a.csv -o {}/a.csv",
        "accuracy {}/m.gguf --documents {}/a.csv -o {}/a.csv",
        "accuracy {}/m.gguf --lm-eval-json /proc/nowhere/x --documents {}/a.csv -o {}/b.csv",
        "profile {}/m.gguf --samples {}/a.parquet -o {}/a.parquet",
    ],
)
def test_no_output_is_written_if_another_cannot_be(capsys, tmp_path, typed):
    (tmp_path / "one.csv").write_text("a\n1\n")
    (tmp_path / "m.gguf").touch()
    status, _, told = left(capsys, *typed.replace("{}", str(tmp_path)).split())
    assert status == 2 and ("would be written twice" in told or "cannot write /proc" in told), told
    assert [path.name for path in tmp_path.iterdir() if path.suffix in TABLES] == ["one.csv"]
