"""Technologies: the default unchanged, clock and node explicit, CACTI asked, mistakes by key."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mugi.errors import InputError
from mugi.hardware import cacti, evaluate
from mugi.hardware.technology import sram_cost, sram_row, technologies, technology

RUN = {"design": "mugi", "array_height": 128, "model": "llama_2_7b", "batch_size": 8}
RUN |= {"seq_len": 300, "preset": "corrected"}


def written(folder: Path, **changes) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": "45nm", **changes}))
    return str(path)


def test_naming_the_default_changes_no_bit(tmp_path):
    plain = evaluate(pd.DataFrame([RUN]))
    assert technologies() == ["45nm", "45nm-open"]
    for name in ("45nm", written(tmp_path)):
        named = evaluate(pd.DataFrame([RUN | {"technology": name}]))
        for column in plain.columns.difference(["technology"]):
            assert named[column][0] == plain[column][0], column


def test_a_faster_clock_meets_the_same_dram(tmp_path):
    """Twice the clock: as many cycles as published, half the time; DRAM takes twice the cycles."""
    fast = written(tmp_path, frequency_mhz=800)
    keys = {"preset": "as-published", "assumption.dram_bandwidth_gb_s": 1}
    for dram, longer in (("none", 1), ("whole_run", 2)):
        runs = [RUN | keys | {"assumption.dram_time": dram, "technology": t} for t in ("", fast)]
        slow, quick = evaluate(pd.DataFrame(runs)).itertuples()
        assert quick.cycles == pytest.approx(longer * slow.cycles, rel=1e-12)
        assert quick.runtime_s == pytest.approx(longer / 2 * slow.runtime_s, rel=1e-12)
        assert quick.dynamic_energy_nj == slow.dynamic_energy_nj
        assert quick.leakage_mw == slow.leakage_mw


def test_one_class_can_be_replaced(tmp_path):
    path = written(tmp_path, logic={"adderbf16": {"area_mm2": 1.0}})
    areas = evaluate(pd.DataFrame([RUN, RUN | {"technology": path}]))["area_mm2"]
    adder = technology().logic["adderbf16"].area_mm2
    # corrected, eight more stand where the inputs are added up
    assert areas[1] - areas[0] == pytest.approx((128 + 8) * (1 - adder), rel=1e-9)


ROW = {"width": 128, "depth": 1024, "read_nj": 1, "write_nj": 1}
ROW |= {"leakage_mw": [1, 1], "size_mm": [1, 1]}
BAD = [
    ({"frequency": 1}, "unknown key 'frequency' (did you mean 'frequency_mhz'?)"),
    ({"extends": "54nm"}, "unknown technology '54nm' (did you mean '45nm'?)"),
    ({"frequency_mhz": 0}, "frequency_mhz: must be greater than 0 (got 0)"),
    ({"node_nm": "16"}, "node_nm: must be a valid number (got '16')"),
    ({"scaling": {"area": 0.5}}, "scaling_source must say where the factors of scaling are from"),
    ({"scaling": {"aera": 0.5}}, "scaling.aera: unknown key 'aera' (did you mean 'area'?)"),
    ({"scaling": {"energy": float("nan")}}, "scaling.energy: must be a finite number (got nan)"),
    ({"scaling": 2}, "scaling: must be a mapping, not 2; one of: area, leakage, energy"),
    ({"sram": "cacty"}, "sram: 'cacty' is not allowed (did you mean 'cacti'?)"),
    (
        {"logic": {"register": {"leakage_mw": float("nan")}}},
        "logic.register.leakage_mw: must be a finite number (got nan)",
    ),
    ({"logic": {"new": {"area_mm2": 1, "leakage_mw": 1}}}, "logic.new.dynamic_mw: missing"),
    (
        {"logic": {"fifo": {"per": {"deep": 8}}}},
        "'deep' is not allowed (did you mean 'depth'?)",
    ),
    ({"logic": {"fifo": {"per": {"depth": 0}}}}, "fifo.per.depth: must be greater than 0"),
    ({"sram_rows": [{"width": 128}]}, "sram_rows.0.depth: missing"),
    (
        {"sram_rows": [ROW | {"read_nj": float("nan")}]},
        "sram_rows.0.read_nj: must be a finite number (got nan)",
    ),
    ({"sram_rows": [ROW | {"size_mm": [1, "2"]}]}, "size_mm.1: must be a valid number"),
    ({"dram": {"hbm2": {"read_nj": -1}}}, "read_nj: must be greater than or equal to 0 (got -1)"),
]


@pytest.mark.parametrize(("changes", "expected"), BAD)
def test_mistakes_name_file_and_key(changes, expected, tmp_path):
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        evaluate(pd.DataFrame([RUN, RUN | {"technology": path}]))
    lines = str(error.value).splitlines()
    assert [line for line in lines if expected in line], lines
    assert all(line.startswith("line 3: ") for line in lines)


def test_a_dram_that_a_run_asks_for_must_be_there(tmp_path):
    path, table = tmp_path / "mine.yaml", technology().model_dump(exclude={"extends"})
    table["dram"].pop("ddr4_cacti")
    path.write_text(yaml.safe_dump(table))
    with pytest.raises(InputError, match=r"technology's dram 'ddr4_cacti'.*; one of: hbm2"):
        evaluate(pd.DataFrame([RUN | {"technology": str(path)}]))


def test_files_that_are_no_technology(tmp_path):
    with pytest.raises(InputError, match=r"technology file .none\.yaml. does not exist"):
        technology("none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"bad.yaml:2: not YAML"):
        technology(str(tmp_path / "bad.yaml"))
    (tmp_path / "bad.yaml").write_text("node_nm: 45")
    with pytest.raises(InputError, match=r"bad.yaml: logic: missing"):
        technology(str(tmp_path / "bad.yaml"))


# A stand-in for the executable: it answers in CACTI's format with numbers made of its settings.
FAKE = """#!{python}
import sys
lines = open(sys.argv[2]).read().splitlines()
assert '-Data array cell type - "itrs-lop"' in lines and "-technology (u) 0.045" in lines
found = dict(line.rsplit(" ", 1) for line in lines if line)
size, width = int(found["-size (bytes)"]), int(found["-output/input bus width"])
if width > 500:
    sys.exit("no valid organisation")
names = ["Dynamic read energy (nJ)", "Dynamic write energy (nJ)"]
names += ["Standby leakage per bank(mW)", "Area (mm2)"]
with open(sys.argv[2] + ".out", "w") as out:
    out.write(", ".join(["Tech node (nm)", *names]) + ", \\n")
    out.write(f"45, {{width / 1000}}, {{width / 500}}, {{size / 1000}}, {{size / 100}}, \\n")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package that looks like hwcomponents-cacti."""
    program = tmp_path / "site" / "hwcomponents_cacti" / "cacti" / "cacti"
    program.parent.mkdir(parents=True)
    (program.parent.parent / "__init__.py").write_text("raise ImportError('needs hwcomponents')")
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path / "site")
    cacti.sram.cache_clear()
    yield
    cacti.sram.cache_clear()


def test_cacti_answers_for_geometries_without_a_row(package):
    table = technology().model_copy(update={"sram": "cacti"})
    cost = sram_cost(np.array([128, 256]), np.array([1024, 100]), table)
    size = 4 * 100 * 256 // 8
    asked = [
        cost["area_mm2"][1],
        cost["leakage_mw"][1],
        *(e[1] for e in cost["energy_nj"].values()),
    ]
    assert asked == pytest.approx([size / 100, 4 * size / 1000, 0.256, 0.512])
    assert cost["area_mm2"][0] == pytest.approx(sram_row(table.sram_rows[0])[0])
    assert not cost["fitted"].any()
    with pytest.raises(InputError, match="no SRAM of 4 banks of 100 words of 512 bits"):
        cacti.sram(512, 100)


def test_a_cacti_that_does_not_end_is_one_line(package, monkeypatch):
    cacti.installed().write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(cacti, "TIMEOUT_S", 0.1)
    with pytest.raises(InputError, match="no SRAM of 4 banks of 100 words of 256 bits"):
        cacti.sram(256, 100)


def test_without_cacti_the_line_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(cacti, "PACKAGE", "hwcomponents_cacti_that_is_not_there")
    path = written(tmp_path, sram="cacti")
    known = evaluate(pd.DataFrame([RUN | {"technology": path}]))
    assert not known["sram_fitted"][0]  # all geometries have rows: nothing is asked
    with pytest.raises(InputError, match="needs the package hwcomponents-cacti"):
        evaluate(pd.DataFrame([RUN | {"technology": path, "array_height": 4096}]))


@pytest.mark.skipif(
    not cacti.installed(), reason="hwcomponents-cacti is not installed (it needs Python 3.12)"
)
def test_cacti_gives_the_rows_of_the_paper():
    for row in technology().sram_rows[:3]:
        asked = cacti.sram(int(row.width), int(row.depth))
        assert asked == pytest.approx(sram_row(row), rel=1e-5)


def test_a_class_that_only_a_technology_has(tmp_path):
    row = {"area_mm2": 0.001, "leakage_mw": 0.01, "dynamic_mw": 0.4}
    table = written(tmp_path, logic={"unit": row})
    design = tmp_path / "design.yaml"
    changes = {"extends": ["mugi"], "classes": ["unit"]}
    changes["components"] = {"extra": {"class": "unit", "instances": "H", "tag": "pe"}}
    changes["gemm"] = {"events": {"array_gemm": {"use": {"extra": "H"}}}}
    design.write_text(yaml.safe_dump(changes))
    pair = [RUN | {"technology": table, "design": name} for name in ("mugi", str(design))]
    plain, more = evaluate(pd.DataFrame(pair))["area_mm2"]
    assert more - plain == pytest.approx(128 * 0.001)
    with pytest.raises(InputError, match=r"components.extra.class: unknown component class 'unit'"):
        evaluate(pd.DataFrame([RUN | {"design": str(design)}]))
    design.write_text(yaml.safe_dump(changes | {"classes": []}))
    with pytest.raises(InputError, match="unknown component class 'unit'"):
        evaluate(pd.DataFrame([RUN | {"design": str(design), "technology": table}]))
