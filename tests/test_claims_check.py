"""Ledgers with mistakes: `mugi claims check`, and errors beside claims that are judged."""

import pandas as pd
import pytest

from mugi.claim import EQUAL
from mugi.cli import main
from mugi.files import write_table
from mugi.hardware import evaluate, expand
from tests.test_claims import CLAIM, RUNS, written

WRONG = {
    "query": ({"where": {"desing": "mugi"}}, "claim W-1: where: unknown column 'desing'"),
    "table": ({"table": "others"}, "claim W-1: table: table 'others' is missing, `snakemake fast`"),
    "row": ({"where": {"design": "magi"}}, "claim W-1: where: no row with design=magi"),
    "unit": ({"unit": "mm^2"}, "ledger.yaml:18: claims.W-1: unit: 'mm^2', but a ratio has no unit"),
    "arithmetic": ({"column": "speed +"}, "claims.W-1.column: 'speed +' is not an arithmetic"),
    "key": ({"printd": "2"}, "claims.W-1.printd: unknown key 'printd' (did you mean 'printed'?)"),
    "value": (
        {"values": {"a": {"column": "sped"}}, "note": "{a}"},
        "claim W-1: values.a: column: unknown column 'sped'",
    ),
}


@pytest.fixture
def ledger_of_three(tmp_path):
    """Return a function that writes a ledger whose second claim of three is wrong."""
    RUNS.to_csv(tmp_path / "runs.csv", index=False)

    def write(changes: dict) -> list[str]:
        claims = {"A-1": CLAIM, "W-1": CLAIM | changes, "Z-1": CLAIM | {"printed": "2.0"}}
        return [f"--ledger={written(tmp_path / 'ledger.yaml', **claims)}"]

    return write


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_claim_is_an_error_and_hides_no_other(kind, ledger_of_three, tmp_path, capsys):
    changes, said = WRONG[kind]
    output = tmp_path / "out" / "claims.csv"
    ledger = ledger_of_three(changes)
    assert main(["claims", str(tmp_path / "runs.csv"), *ledger, "-o", str(output)]) == 2
    told = capsys.readouterr().err
    assert said in told and "3 claims, none against the record, 1 wrong" in told
    rows = pd.read_csv(output).set_index("id")
    assert rows.index.tolist() == ["A-1", "W-1", "Z-1"]
    assert rows.comparison.tolist() == [EQUAL, "error", EQUAL]
    assert rows.correction.tolist() == ["holds", "error", "holds"]
    assert said in rows.reason["W-1"] and rows.statement["W-1"] == "Mugi is faster"
    assert "| error" in output.with_suffix(".md").read_text("utf-8")
    assert main(["claims", "--check", str(output)]) == 2


@pytest.mark.parametrize("kind", WRONG)
def test_check_names_claim_key_and_reason(kind, ledger_of_three, tmp_path, capsys):
    changes, said = WRONG[kind]
    ledger = ledger_of_three(changes)
    assert main(["claims", "check", str(tmp_path / "runs.csv"), *ledger]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said.replace("claim W-1: table: ", "") in lines[0]
    assert not (tmp_path / "out").exists()


def test_an_id_that_stands_twice_is_an_error_of_its_own(tmp_path, capsys):
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    path = written(tmp_path / "ledger.yaml", **{"A-1": CLAIM, "B-1": CLAIM})
    path.write_text(path.read_text() + "\n".join(["  B-1:", "    statement: again"]) + "\n")
    output = tmp_path / "claims.csv"
    run = ["claims", str(tmp_path / "runs.csv"), f"--ledger={path}"]
    assert main([*run, "-o", str(output)]) == 2
    assert "key 'B-1' is there twice" in capsys.readouterr().err
    assert pd.read_csv(output).comparison.tolist() == [EQUAL, "error"]
    other = written(tmp_path / "other.yaml", **{"A-1": CLAIM, "C-1": CLAIM})
    assert main([run[0], run[1], f"--ledger={other}", f"--ledger={other}", "-o", str(output)]) == 2
    rows = pd.read_csv(output)
    assert rows.id.tolist() == ["A-1", "C-1", f"A-1 of {other}", f"C-1 of {other}"]
    assert rows.comparison.tolist() == [EQUAL, EQUAL, "error", "error"]


def test_check_without_tables_knows_the_columns_of_the_cost_model(tmp_path, capsys):
    assert main(["claims", "check"]) == 0
    assert "227 claims, no mistakes" in capsys.readouterr().out
    claim = CLAIM | {"table": "hardware", "column": "tokens_per_sec", "where": {"desing": "mugi"}}
    path = written(tmp_path / "ledger.yaml", A=claim)
    path.write_text(path.read_text().replace("runs: fast", "hardware: hardware"))
    assert main(["claims", "check", f"--ledger={path}"]) == 2
    told = capsys.readouterr().err
    assert "claim A: where: unknown column 'desing' (did you mean 'design'?)" in told
    assert "claim A: column: unknown column 'tokens_per_sec'" in told


def test_one_of_output_and_check_is_needed(tmp_path, capsys):
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    assert main(["claims", str(tmp_path / "runs.csv")]) == 2
    assert "-o FILE, --check FILE or `check` is needed" in capsys.readouterr().err


def test_assumptions_may_be_conditions(tmp_path, capsys):
    where = {"design": "mugi", "assumption.ws_load_rows": "sram_width"}
    claim = CLAIM | {"table": "hardware", "column": "tokens_per_s", "where": where, "over": None}
    path = written(tmp_path / "ledger.yaml", A=claim)
    path.write_text(path.read_text().replace("runs: fast", "hardware: hardware"))
    assert main(["claims", "check", f"--ledger={path}"]) == 0
    path.write_text(path.read_text().replace("ws_load_rows", "ws_load_row"))
    assert main(["claims", "check", f"--ledger={path}"]) == 2
    assert "(did you mean 'assumption.ws_load_rows'?)" in capsys.readouterr().err


def test_claims_of_ones_own_depend_on_choices_too(tmp_path):
    """Attention of Mugi(256) over SA(16): a word of weights a cycle turns it around."""
    run = {"model": "llama_2_7b", "batch_size": 8, "seq_len": 512}
    mugi = {"design": "mugi", "variant": "vlp", "array_height": 256}
    array = {"design": "systolic", "variant": "mac", "array_height": 16}
    grid = [chip | run | {"preset": ["as-published", "corrected"]} for chip in (mugi, array)]
    write_table(evaluate(expand(grid)), tmp_path / "hardware.csv")
    claim = CLAIM | {"table": "hardware", "column": "1 / runtime_attention_s", "printed": ">1"}
    path = written(tmp_path / "ledger.yaml", A=claim | {"where": mugi, "over": array})
    path.write_text(path.read_text().replace("runs: fast", "hardware: hardware"))
    hardware, switches = str(tmp_path / "hardware.csv"), str(tmp_path / "switches.csv")
    names = ["--assumption=ws_load_rows", "--assumption=softmax_passes"]
    assert main(["judge", "switches", hardware, *names, f"--ledger={path}", "-o", switches]) == 0
    output = str(tmp_path / "claims.csv")
    for tables, verdict in [([hardware], "holds"), ([hardware, switches], "depends")]:
        assert main(["claims", *tables, f"--ledger={path}", "-o", output]) == 0
        row = pd.read_csv(output).iloc[0]
        assert row.correction == verdict
    assert row.depends_on == "ws_load_rows=sram_width"
