"""`mugi evaluate` and what it writes."""

import subprocess
import sys
from importlib import import_module

import pandas as pd
import pytest
import yaml

from mugi.assumptions import PRESETS
from mugi.cli import main
from mugi.commands import evaluate as command
from mugi.files import write_tables
from mugi.hardware import breakdown, evaluate, evaluate_hardware, expand, models
from mugi.hardware.evaluate import breakdowns, stream

MODULE = import_module("mugi.hardware.evaluate")  # the package has a function of this name
GRID = {"design": "mugi", "array_height": [64, 256], "model": "llama_2_7b", "batch_size": [1, 8]}
RUNS = expand([GRID | {"seq_len": 256}])


def test_expand_crosses_in_order_without_repeats():
    runs = expand([{"design": ["a", "b"], "seq_len": [1, 2]}, {"design": "a", "seq_len": [2, 3]}])
    assert runs.to_numpy().tolist() == [["a", 1], ["a", 2], ["b", 1], ["b", 2], ["a", 3]]
    assert set(models()) >= {"llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"}


def test_one_entry_function():
    pd.testing.assert_frame_equal(evaluate_hardware(runs=RUNS), evaluate(RUNS))
    grids = [GRID | {"seq_len": 256}]
    pd.testing.assert_frame_equal(evaluate_hardware(grids=grids), evaluate(RUNS))
    parts = evaluate_hardware(grids=grids, components=True)
    pd.testing.assert_frame_equal(parts, breakdown(RUNS))
    pd.testing.assert_frame_equal(evaluate_hardware(RUNS), evaluate(RUNS))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables(tmp_path, ending):
    source = tmp_path / "runs.csv"
    RUNS.assign(note=range(len(RUNS))).to_csv(source, index=False)
    results, parts = tmp_path / f"results.{ending}", tmp_path / "sub" / f"parts.{ending}"
    assert main(["evaluate", str(source), "-o", str(results), "--breakdown", str(parts)]) == 0
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    written = read(results)
    assert written["note"].tolist() == list(range(len(RUNS)))
    expected = evaluate(RUNS)
    numbers = expected.select_dtypes("number").columns
    pd.testing.assert_frame_equal(written[numbers], expected[numbers], rtol=1e-15)
    assert len(read(parts)) == len(breakdown(RUNS))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["runs.csv", results.name, "sub"]
    )


def test_grid(tmp_path, capsys):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump([GRID | {"seq_len": [256]}]))
    assert main(["evaluate", "--grid", str(path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_one_configuration(capsys):
    options = "--design mugi --array-height 256 --model llama_2_70b_GQA --batch-size 8"
    paper = ["--preset", "as-published"]
    assert main(["evaluate", *options.split(), "--seq-len", "4096", *paper]) == 0
    printed = capsys.readouterr().out
    assert "1.3868 tokens/s" in printed and "3.3748 tokens/J" in printed
    assert "preset as-published" in printed
    totals = [line.split()[1::2] for line in printed.splitlines() if line.startswith("total")]
    assert totals[1] == totals[2] == ["3.10079", "61.4625", "8257.31"]
    assert main(["evaluate", *options.split(), "--seq-len", "4096", "--assume", "dram_tim=1"]) == 2


def test_default_preset_is_corrected_and_every_table_says_so(tmp_path, capsys):
    """Llama 2 7B at 128 tokens is 0.485 tokens/s as published, 14.9 corrected."""
    run = {"design": "mugi", "array_height": 256, "model": "llama_2_7b", "batch_size": 8}
    runs = pd.DataFrame([run | {"seq_len": 128, "preset": preset} for preset in ("", *PRESETS)])
    table = evaluate(runs)
    assert table["preset"].tolist() == ["corrected", "as-published", "corrected"]
    assert table["tokens_per_s"].tolist() == pytest.approx([14.9, 0.485, 14.9], rel=1e-2)
    assert evaluate(runs.drop(columns="preset"))["preset"].tolist() == ["corrected"] * 3
    assert set(breakdown(runs[:1])["preset"]) == {"corrected"}
    options = [f"--{key.replace('_', '-')}={value}" for key, value in run.items()]
    assume = ["--assume", "precise_cycles=44"]
    assert main(["evaluate", *options, "--seq-len=128", *assume]) == 0
    assert "preset corrected, precise_cycles=44" in capsys.readouterr().out.splitlines()[0]


def test_printed_energy_says_what_it_includes(capsys):
    """All parts by hand from the table; efficiencies with and without DRAM, whatever the scope."""
    options = "--design mugi --array-height 256 --model llama_2_7b --batch-size 8 --seq-len 128"
    scope = "energy_scope=with_dram"
    assert main(["evaluate", *options.split(), "--assume", scope]) == 0
    printed = capsys.readouterr().out
    given = dict(zip(options.split()[::2], options.split()[1::2], strict=True))
    run = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
    result = evaluate(pd.DataFrame([run | {"assumption.energy_scope": "with_dram"}])).iloc[0]
    seconds = result["runtime_s"]
    dynamic, leakage = result["dynamic_energy_nj"] / 1e9, result["leakage_mw"] / 1e3 * seconds
    dram, background = result["dram_energy_nj"] / 1e9, result["dram_leakage_mw"] / 1e3 * seconds
    tokens, counted = 8 * 128, dynamic + leakage + dram
    words = printed.replace(",", "").replace("(", "").replace(")", "").split()
    numbers = {
        "on-chip energy": dynamic + leakage, "dynamic": dynamic, "leakage": leakage,
        "DRAM energy": dram + background, "background": background,
        "tokens per joule": tokens / (dynamic + leakage),
        "on chip": tokens / (dynamic + leakage + dram + background),
        "power efficiency": tokens / counted, "energy efficiency": tokens / seconds / counted,
    }  # fmt: skip
    for name, value in numbers.items():
        assert f"{name} {value:.5g}" in " ".join(words), name


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere.csv"],
        ["--grid", "nowhere.yaml"],
        ["x.csv", "-o", "x.txt"],
        ["x.csv", "--grid", "y"],
        ["/dev/zero"],
        ["--grid", "/dev/zero"],
    ],
)
def test_bad_arguments(arguments, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_nothing_is_written_if_either_table_cannot_be(tmp_path, capsys):
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "parts.csv").mkdir()
    tables = ["-o", str(tmp_path / "results.csv"), "--breakdown", str(tmp_path / "parts.csv")]
    assert main(["evaluate", str(tmp_path / "runs.csv"), *tables]) == 2
    assert "parts.csv: it is a folder" in capsys.readouterr().err
    tables[-1] = str(tmp_path / "." / "results.csv")
    assert main(["evaluate", str(tmp_path / "runs.csv"), *tables]) == 2
    assert "results.csv: would be written twice" in capsys.readouterr().err
    assert not (tmp_path / "results.csv").exists()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_breakdowns_of_a_few_runs_at_a_time_are_the_whole(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(MODULE, "RUNS_BROKEN_DOWN", 3)
    runs = RUNS.assign(**{"assumption.dram_time": [None, None, None, "per_op"]})
    path = tmp_path / f"parts.{ending}"
    write_tables(breakdowns(runs), str(path))
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    pd.testing.assert_frame_equal(read(path), breakdown(runs), check_dtype=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {design: {a: 1}}", "grid.yaml:1: 0.design: must be a value or a list of values"),
        ("- {design: mugi}\n- {array_height: [[1, 2]]}", "yaml:2: 1.array_height: must be a value"),
        ("- {design: [mugi, mugi, carat], array_height: [0, 8]}", "array_height must be"),
        ("design: mugi", "must hold a list"),
        ("- a: [", "not YAML"),
    ],
)
def test_bad_grids(text, said, tmp_path, capsys):
    rest = ", model: llama_2_7b, batch_size: 8, seq_len: 128}"
    (tmp_path / "grid.yaml").write_text(text.replace("8]}", f"8]{rest}"))
    assert main(["evaluate", "--grid", str(tmp_path / "grid.yaml")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line and "line 3" not in line


MODEL = {"dim": 64, "layers": 2, "heads": 4, "kv_heads": 2, "ffn_dim": 96, "vocabulary": 100}


@pytest.mark.parametrize("kind", ["grid", "sweep", "csv"])
def test_files_of_ones_own_are_found_beside_the_one_that_names_them(kind, tmp_path, monkeypatch):
    """From another folder; a design beside what it extends; `~` anywhere."""
    folder = tmp_path / "mine"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "array.yaml").write_text("extends: [carat]\n")
    (folder / "array.yaml").write_text("extends: [base/array.yaml]\nsummary: mine\n")
    (folder / "clock.yaml").write_text("extends: 45nm\nfrequency_mhz: 800\n")
    (folder / "model.yaml").write_text(yaml.safe_dump(MODEL))
    names = {"design": ["array.yaml"], "model": "model.yaml", "technology": "~/mine/clock.yaml"}
    run = GRID | {"seq_len": 128} | names
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    source, results = folder / "runs.yaml", tmp_path / "results.csv"
    if kind == "grid":
        source.write_text(yaml.safe_dump([run]))
        assert main(["evaluate", "--grid", str(source), "-o", str(results)]) == 0
    elif kind == "sweep":
        source.write_text(yaml.safe_dump({"runs": [run], "minimize": "area_mm2"}))
        assert main(["explore", str(source), "-o", str(results)]) == 0
    else:  # which is no YAML: its paths are those of the command line, `~` too
        source, home = folder / "runs.csv", "~/mine/"
        paths = {key: f"{home}{key}.yaml" for key in ("model",)} | {"design": f"{home}array.yaml"}
        expand([run | paths]).to_csv(source, index=False)
        assert main(["evaluate", str(source), "-o", str(results)]) == 0
    written = pd.read_csv(results)
    assert len(written) == 4
    assert (written["runtime_s"] * 800e6).to_numpy() == pytest.approx(written["cycles"].to_numpy())


def test_runs_may_be_parquet(tmp_path):
    RUNS.to_parquet(tmp_path / "runs.parquet")
    results = tmp_path / "results.parquet"
    assert main(["evaluate", str(tmp_path / "runs.parquet"), "-o", str(results)]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(results), evaluate(RUNS), check_dtype=False)
    both = [str(results), str(results)]
    assert main(["collect", *both, "-o", str(tmp_path / "both.parquet")]) == 0
    assert len(pd.read_parquet(tmp_path / "both.parquet")) == 2 * len(RUNS)


def test_more_runs_than_memory_are_not_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "MOST_RUNS", 3)
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    assert main(["evaluate", str(tmp_path / "runs.csv"), "-o", str(tmp_path / "o.csv")]) == 2
    assert "has 5 lines, more than 3 runs" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


def test_import_is_light():
    code = (
        "import sys, time; start = time.process_time(); import mugi.hardware;"
        "assert not {'torch', 'matplotlib', 'numba'} & set(sys.modules);"
        "print(time.process_time() - start)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout) < 2


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_parts_are_the_whole(tmp_path, monkeypatch, ending):
    """Results computed in parts are those of one table, in order."""
    monkeypatch.setattr(MODULE, "RUNS_A_PART", 3)
    path = tmp_path / f"results.{ending}"
    write_tables(stream(RUNS), str(path))
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    pd.testing.assert_frame_equal(read(path), evaluate(RUNS), check_dtype=False)
