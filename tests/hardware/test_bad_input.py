"""Bad runs, bad designs, bad models: one clear line a mistake, nothing computed."""

import re
from importlib.resources import files

import pandas as pd
import pytest
import yaml

from mugi.cli import main
from mugi.errors import InputError, Mistake
from mugi.expressions import parse
from mugi.hardware import check_runs, evaluate, expand
from mugi.hardware.design import designs, load_design, variants
from mugi.hardware.model import load_model

RUN = {
    "design": "mugi",
    "array_height": 128,
    "model": "llama_2_7b",
    "batch_size": 8,
    "seq_len": 512,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"design": "mugy"}, "unknown design 'mugy' (did you mean 'mugi'?)"),
        ({"design": None}, "unknown design ''; one of: carat, mugi"),
        ({"model": None}, "unknown model ''; one of: deepseek_v3"),
        ({"variant": "mac"}, "unknown variant of mugi 'mac'; one of: vlp, lut"),
        ({"model": "llama_2_8b"}, "unknown model 'llama_2_8b'"),
        ({"model": "nowhere.yaml"}, "model file 'nowhere.yaml' does not exist"),
        ({"array_height": 0}, "array_height must be a whole number of at least 1, not '0'"),
        ({"array_height": 100}, "array_height must be a multiple of 8"),
        ({"array_height": 65536}, "two columns of the array do not fit its SRAMs"),
        ({"array_width": -8}, "array_width must be a whole number of at least 1, not '-8'"),
        ({"array_width": 2.5}, "array_width must be a whole number of at least 1, not '2.5'"),
        ({"noc_rows": 0}, "noc_rows must be a whole number of at least 1, not '0'"),
        ({"batch_size": -1}, "batch_size must be a whole number of at least 1, not '-1'"),
        ({"batch_size": "many"}, "batch_size must be a whole number of at least 1, not 'many'"),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1, not 'True'"),
        ({"batch_size": None}, "batch_size must be a whole number of at least 1, not empty"),
        ({"seq_len": 2**24}, "seq_len must be a whole number of at most 4,194,304, not '16777216'"),
        ({"output_len": 2**23}, "output_len must be a whole number of at most 4,194,304, not"),
        ({"seq_len": 32}, "seq_len must be a whole number of at least 64, not '32'"),
        ({"kv_heads": 7}, "32 heads do not divide among 7 kv_heads"),
        ({"preset": "fixed"}, "unknown preset 'fixed'; one of: as-published, corrected"),
        ({"assumption.dram_time": "per_opp"}, "assumption.dram_time is none, per_op, whole_run"),
    ],
)
def test_bad_cells(changes, expected):
    lines = [str(mistake) for mistake in check_runs(pd.DataFrame([RUN, RUN | changes]))]
    assert len(lines) == 1
    assert lines[0].startswith("line 3: ") and expected in lines[0]
    with pytest.raises(InputError):
        evaluate(pd.DataFrame([RUN | changes]))


def test_bad_tables():
    assert check_runs(pd.DataFrame([RUN])) == []
    frame = pd.DataFrame([RUN]).rename(columns={"array_height": "array_hieght"})
    assert [str(mistake) for mistake in check_runs(frame)] == [
        "column 'array_height' is missing",
        "column 'array_hieght' is not known (did you mean 'array_height'?)",
    ]
    [mistake] = check_runs(pd.DataFrame([RUN | {"assumption.dram": 1}]))
    assert "unknown assumption" in mistake.what
    assert check_runs(pd.DataFrame([RUN]).head(0)) == [Mistake("there are no runs")]
    with pytest.raises(InputError, match="grid 2: unknown key 'heigth'"):
        expand([{"design": "mugi"}, {"heigth": [1, 2]}])
    many = list(range(10_000))
    with pytest.raises(InputError, match="grid 1: 100,000,000 runs so far, more than 5,000,000"):
        expand([{"array_height": many, "seq_len": many}])


def test_all_mistakes_by_line_and_nothing_written(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    bad = [RUN | {"batch_size": 0, "seq_len": 1}, RUN, RUN | {"design": "sytolic"}]
    bad += [RUN | {"kv_heads": 7}]
    pd.DataFrame(bad).to_csv(path, index=False)
    output = tmp_path / "out" / "results.csv"
    assert main(["evaluate", str(path), "-o", str(output)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["line 2", "line 2", "line 4", "line 5"]
    assert "32 heads do not divide among 7 kv_heads" in lines[-1]
    assert not output.parent.exists()


ADDER = {"class": "adderbf16", "tag": "pe"}
USED = {"gemm": {"events": {"e": {"count": "B", "use": {"x": 1}}}}}


def design_file(tmp_path, **changes) -> str:
    table = {"extends": ["mac_array"], "array_width": "array_height"}
    table["parameters"] = {
        "H": "array_height", "W": "array_width", "fifo_depth": 8, "weight_shifts": "pes",
        "i_width": 128, "w_width": 128, "o_width": 128,
    }  # fmt: skip
    for key, value in changes.items():
        table.setdefault(key, {})
        table[key] = table[key] | value if isinstance(value, dict) else value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(table))
    return str(path)


def test_a_design_of_ones_own(tmp_path):
    path = design_file(tmp_path)
    result = evaluate(pd.DataFrame([RUN | {"design": path, "array_height": 32}])).iloc[0]
    assert result["design"] == path and result["cycles"] > 0


BAD_DESIGNS = [
    ({"colour": 1}, "unknown key 'colour'"),
    ({"extends": ["mac_aray"]}, "unknown design 'mac_aray'"),
    ({"dataflow": "is"}, "dataflow: 'is' is not allowed (did you mean 'ws'?); one of: os, ws"),
    ({"parameters": {"W": "array_with"}}, "parameters.W: unknown symbol 'array_with'"),
    ({"parameters": {"W": "H", "H": "W"}}, "need each other"),
    ({"parameters": {"W": "import os"}}, "parameters.W: 'import os' is not an arithmetic"),
    ({"parameters": {"W": "H.__class__"}}, "'H.__class__' is not allowed"),
    ({"parameters": {"W": "open(H)"}}, "'open(H)' is not allowed"),
    ({"parameters": {"i_width": None}}, "parameters: i_width is missing"),
    ({"components": {"x": {"class": "regster", "tag": "pe"}}}, "unknown component class 'regster'"),
    ({"components": {"x": {"class": "fifo", "tag": "pee"}}}, "x.tag: 'pee' is not allowed (did"),
    ({"components": {"x": {"class": "fifo", "tag": "pe", "wdth": 1}}}, "unknown key 'wdth'"),
    ({"gemm": {"events": {"e": {"count": "B", "use": {"multi": 1}}}}}, "unknown component 'multi'"),
    ({"gemm": {"events": {"e": {"count": "Bee"}}}}, "gemm.events.e.count: unknown symbol 'Bee'"),
    ({"gemm": {"events": {"e": {"cuont": "B"}}}}, "unknown key 'cuont'"),
    ({"gemm": {"events": {"e": {"count": 1, "hops": "tiles"}}}}, "e.hops: 'tiles' is not allowed"),
    ({"gemm": {"events": {"e": {"use": ["fifo"]}}}}, "events.e.use: must be a mapping, not ['fifo"),
    ({"gemm": {"events": {"e": {"use": {"isram.reed": 1}}}}}, "must be isram.read or isram.write"),
    ({"gemm": {"events": {"e": {"use": {"ififo.read": 1}}}}}, "use: must be ififo, not ififo.read"),
    ({"gemm": {"evnts": {}}}, "gemm.evnts: unknown key 'evnts' (did you mean 'events'?)"),
    ({"gemm": 5}, "gemm: must be a mapping, not 5"),
    ({"components": {"x": 3}}, "components.x: must be a mapping, not 3"),
    ({"components": {"x": {"class": "sram", "tag": "sram"}}}, "components.x: width is missing"),
    ({"variants": {"a": {"parameters": [1]}}}, "variants.a.parameters: must be a mapping, not [1]"),
    ({"default_variant": "b", "variants": {"a": {}}}, "default_variant: unknown variant 'b'"),
    ({"extends": "common"}, "extends: must be a list of designs, not 'common'"),
    ({"vector_unit": "yes"}, "vector_unit: must be a valid boolean (got 'yes')"),
    ({"array_width": "H"}, "array_width: may name array_height only, not H"),
    ({"parameters": {"P": 4}}, "parameters.P: is the name of a size or of an assumption, which"),
    ({"parameters": {"dram_time": 4}}, "parameters.dram_time: is the name of a size or of an"),
    ({"components": {"x": {"class": "fifo", "tag": "pe", "width": 1}}}, "x: depth is missing"),
    ({"components": {"adder": {"width": 8}}}, "components.adder.width: adderbf16 has no width"),
    (
        {"components": {"dram": {"bandwidth": 8}}},
        "components.dram.bandwidth: dram has no bandwidth",
    ),
    ({"components": {"isram": {"inputs": 8}}}, "components.isram.inputs: sram has no inputs"),
    ({"variants": {f"v{n}": {} for n in range(101)}}, "variants: 101 variants, more than 100"),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_DESIGNS)
def test_bad_designs(tmp_path, changes, expected):
    path = design_file(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        load_design(path)
    assert any(expected in line for line in str(error.value).splitlines()), str(error.value)


def test_a_design_that_extends_itself(tmp_path):
    path = design_file(tmp_path, extends=[str(tmp_path / "mine.yaml")])
    with pytest.raises(InputError, match=r"mine\.yaml extends .*mine\.yaml"):
        load_design(path)


def test_files_that_share_what_they_extend_are_read_once(tmp_path):
    """16 files, each of which extends the next one in two ways: 65,536 paths, few files."""
    last = design_file(tmp_path, extends=["mac_array"] * 1000)
    for number in range(16):
        for half in "ab":
            text = f"extends: [{last}, {tmp_path}/{number - 1}b.yaml]" if number else ""
            (tmp_path / f"{number}{half}.yaml").write_text(text or f"extends: [{last}]")
        last = f"{tmp_path}/{number}a.yaml"
    assert load_design(last).components
    for number in range(30):
        (tmp_path / f"deep{number}.yaml").write_text(f"extends: [deep{number + 1}.yaml]")
    with pytest.raises(InputError, match=r"deep20\.yaml:1: extends: more than 20 files"):
        load_design(str(tmp_path / "deep0.yaml"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parameters": {"W": "0*array_height"}}, "the array has no row, column or lane"),
        ({"parameters": {"W": "9**9**9**9"}}, "parameters.W: '9**9**9**9' divides by zero or is"),
        *[
            (
                {"components": {"x": ADDER | {"instances": text}}} | USED,
                f"components.x.instances: '{text}' must be a number of at least 0",
            )
            for text in ("H - 200", "'few'")
        ],
        (
            {"components": {"x": ADDER | {"instances": "1/(H - 128)"}}} | USED,
            "components.x.instances: '1/(H - 128)' divides by zero or is not finite",
        ),
        (
            {"components": {"ififo": {"width": "0/(H - 128)"}}},
            "components.ififo.width: '0/(H - 128)' divides by zero or is not finite",
        ),
        (
            {"gemm": {"events": {"array_gemm": {"use": {"adder": "H/(H - 128)"}}}}},
            "gemm.events.array_gemm.use.adder: 'H/(H - 128)' divides by zero or is not finite",
        ),
        (
            {"gemm": {"events": {"array_gemm": {"use": {"adder": "64 - H"}}}}},
            "use.adder: '64 - H' must be a number of at least 0",
        ),
        (
            {"gemm": {"events": {"array_gemm": {"cycles": "'long'"}}}},
            "gemm.events.array_gemm.cycles: ''long'' must be a number",
        ),
        (
            {"gemm": {"events": {"array_gemm": {"cycles": "64 - H"}}}},
            "gemm.events.array_gemm.cycles: '64 - H' must be a number of at least 0",
        ),
        (
            {"nonlinear": {"events": {"e": {"count": -1, "use": {"adder": 1}}}}},
            "nonlinear.events.e.count: '-1' must be a number of at least 0",
        ),
        ({"parameters": {"fill": "64 - H"}}, "parameters.fill: '64 - H' must be a number of at"),
        (
            {"checks": {"H % 7": "H is 7"}, "array_width": "array_height/3"},
            "must be a whole number",
        ),
        ({"array_width": "array_height/(array_height - 128)"}, "array_width: 'array_height/("),
        ({"checks": {"H/(H - 128)": "H"}}, "checks.H/(H - 128): 'H/(H - 128)' divides by zero"),
        ({"parameters": {"i_depth": "H - 128"}}, "a row of the array is wider than an SRAM bank"),
    ],
)
def test_designs_that_are_impossible_for_a_size(tmp_path, changes, expected):
    path = design_file(tmp_path, **changes)
    with pytest.raises(InputError, match=re.escape(expected)):
        evaluate(pd.DataFrame([RUN | {"design": path}]))


def test_division_by_zero_names_file_and_key(tmp_path):
    events = {"e": {"count": "B/(H - H)", "use": {"multiplier": 1}}}
    path = design_file(tmp_path, gemm={"events": events})
    with pytest.raises(InputError, match=r"gemm.events.e.count: 'B/\(H - H\)' divides by zero"):
        evaluate(pd.DataFrame([RUN | {"design": path}]))
    path = design_file(tmp_path, parameters={"i_width": "128/(H - 128)"})
    [mistake] = check_runs(pd.DataFrame([RUN | {"design": path}]))
    assert "divides by zero" in mistake.what


@pytest.mark.parametrize("table", [[], ["--breakdown", "parts.csv"]])
@pytest.mark.filterwarnings("error")
def test_numbers_too_large_to_be_any_stop_a_run(tmp_path, table, monkeypatch, capsys):
    """Each finite in its file; nothing is written of the good run before it."""
    monkeypatch.chdir(tmp_path)
    huge = {"extends": "45nm", "logic": {"adderbf16": {"area_mm2": 1e307}}}
    (tmp_path / "huge.yaml").write_text(yaml.safe_dump(huge))
    pd.DataFrame([RUN, RUN | {"technology": "huge.yaml"}]).to_csv("runs.csv", index=False)
    assert main(["evaluate", "runs.csv", *(table or ["-o", "results.csv"])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "area_mm2 would be inf" in line and "technology huge.yaml" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["huge.yaml", "runs.csv"]


@pytest.mark.filterwarnings("error")
def test_a_design_without_any_time(tmp_path):
    events = {"unit": 0}
    names = load_design("carat").gemm.events, load_design("carat").nonlinear.events
    gemm, nonlinear = ({"events": dict.fromkeys(section, events)} for section in names)
    path = tmp_path / "fast.yaml"
    fast = {"extends": ["carat"], "parameters": {"fill": 0}, "gemm": gemm, "nonlinear": nonlinear}
    path.write_text(yaml.safe_dump(fast))
    run = RUN | {"design": str(path), "assumption.dram_time": "none"}
    with pytest.raises(InputError, match="tokens_per_s would be inf"):
        evaluate(pd.DataFrame([run]))


def test_design_that_is_not_yaml(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("parameters: {W: 1\nextends: [")
    with pytest.raises(InputError, match=r"broken.yaml:2: not YAML"):
        load_design(str(path))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"layers": 0}, "model.yaml:5: layers: must be greater than or equal to 1 (got 0)"),
        ({"kv_heads": 3}, "heads 8 does not divide by 3 heads"),
        ({"depth": 2}, "unknown key 'depth'"),
        ({"vocabulary": "big"}, "vocabulary: must be a valid integer (got 'big')"),
    ],
)
def test_bad_models(tmp_path, changes, expected):
    model = {"dim": 512, "layers": 2, "heads": 8, "kv_heads": 4, "ffn_dim": 64, "vocabulary": 10}
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(model | changes))
    with pytest.raises(InputError, match=re.escape(expected)):
        load_model(str(path))


@pytest.mark.parametrize("text", ["1 +", "a[0]", "lambda: 1", "min(1)", "f'{a}'", "[1]", "not a"])
def test_expressions_that_are_not_arithmetic(text):
    with pytest.raises(InputError, match=r"here: .* is not an arithmetic expression"):
        parse(text, "here")


def test_every_packaged_design_and_variant_loads():
    assert designs() == ["carat", "mugi", "simd", "systolic", "tensor"]
    for name in designs():
        for variant in variants(name):
            assert load_design(name, variant).components


def test_rows_of_srams_that_determine_no_fit(tmp_path):
    table = yaml.safe_load((files("mugi.hardware") / "technology" / "45nm.yaml").read_text())
    path = tmp_path / "few.yaml"
    path.write_text(yaml.safe_dump(table | {"sram_rows": table["sram_rows"][:1]}))
    with pytest.raises(InputError, match="sram_rows: 1 of them determine no fit"):
        evaluate(pd.DataFrame([RUN | {"technology": str(path)}]))


def test_a_grid_without_keys():
    with pytest.raises(InputError, match="grid 2: it has no keys; one of: design, variant"):
        expand([RUN, {}])


@pytest.mark.parametrize("column", ["design", "model", "technology"])
@pytest.mark.parametrize("name", ["~a\0b", "~a\0b.yaml", "~a\0b.json"])
def test_a_name_that_no_path_can_have_is_unknown(column, name):
    [mistake] = check_runs(pd.DataFrame([RUN | {column: name}]))
    assert "unknown" in mistake.what or "does not exist" in mistake.what
