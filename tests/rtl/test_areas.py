"""Synthesis of modules, the table of areas, and rows of technologies made of them."""

import gzip
import os
from importlib.resources import files

import pytest
import yaml

from mugi.cli import main
from mugi.documents import read_yaml
from mugi.errors import InputError
from mugi.hardware import evaluate_hardware
from mugi.hardware.technology import technology
from mugi.rtl import published, rows, synthesis, units
from mugi.rtl.synthesis import LIBRARIES, Synthesis, synthesise
from tests.rtl.conftest import need
from tests.rtl.simulation import SOURCES

RUN = {"model": "llama_2_7b", "batch_size": 8, "seq_len": 128}
INVERTER = """library (few) { time_unit : "1ps"; capacitive_load_unit (1, ff);
  cell (INV) { area : 1; pin (A) { direction : input; capacitance : 1; }
    pin (Y) { direction : output; function : "(!A)"; } } }
"""


@pytest.fixture(autouse=True)
def iverilog():
    """Not needed here."""


@pytest.fixture
def osu018(yosys, request):
    """The liberty file of Debian's package."""
    return packaged(request, "osu018")


def packaged(request, name):
    """Return a library of Debian's, which a slow test installs."""
    need(request, f"qflow-tech-{name}", LIBRARIES[name].is_file)
    return LIBRARIES[name]


@pytest.fixture(scope="module")
def table():
    return units.read_areas()


def verilog(folder, text, name="mine.v"):
    path = folder / name
    path.write_text(text)
    return path


def test_the_table_is_of_this_verilog(table):
    made_by = read_yaml(units.REFERENCE.with_suffix(".yaml")).content
    how = "run `snakemake rtl` and copy results/rtl/osu018.* to mugi/rtl/areas.*"
    assert made_by["verilog_sha256"] == units.verilog_digest(), how
    assert list(table["unit"]) == list(units.load_units().units)


def test_every_unit_meets_the_clock(table):
    late = table[table["longest_path_ns"] > table["clock_ns"]]
    assert list(late["unit"]) == ["bf16_divider"]  # takes several cycles, as its note says


@pytest.mark.parametrize("name", ["pe", "rounding", "fifo_16x2"])
def test_synthesis_gives_the_table(name, table, osu018):
    unit, known = units.load_units().units[name], table.set_index("unit").loc[name]
    made = synthesise(units.verilog(), unit.module, unit.parameters, osu018, known["clock_ns"])
    assert made.area == pytest.approx(known["area"], rel=units.CLOSE)
    assert (made.flip_flops, made.cells) == (
        known["flip_flops"],
        pytest.approx(known["cells"], rel=0.1),
    )


@pytest.mark.slow
def test_all_synthesis_gives_the_table(table, osu018):
    assert not units.differences(units.areas("osu018", jobs=2), table)


def test_sums_of_parts_are_one_synthesis_of_all(table):
    parts = published.parts_of(units.load_units().arrays["mugi"], 8, table)
    flat = table.set_index("unit")["area_adders"]["mugi_array_8"]
    assert parts[~parts["outside"]]["open_adders"].sum() == pytest.approx(flat, rel=0.05)


def test_every_published_component_is_in_one_part(table):
    parts = published.arrays(table)
    adder = technology().logic["adderbf16"].area_mm2
    for name, array in units.load_units().arrays.items():
        of = parts[(parts["array"] == name) & (parts["array_height"] == array.heights[-1])]
        if array.design is None:
            assert of["published_adders"].isna().all()
            continue
        named = [component for part in array.parts.values() for component in part.components]
        assert len(named) == len(set(named))
        run = RUN | array.design | {"array_height": array.heights[-1]}
        areas = evaluate_hardware(grids=[run | {"preset": list(published.PRESETS.values())}])
        sums = of[list(published.PRESETS)].sum() * adder
        assert sums.to_list() == pytest.approx(areas["area_array_mm2"].to_list())
        assert not of[of["missing"]]["published_adders"].any()


def test_arrays_add_up(table):
    sums = published.array_sums(published.arrays(table)).set_index("label")
    of, mugi = table.set_index("unit")["area_adders"], sums.loc["Mugi (256)"]
    rows, columns = 256 * of["row"], 8 * (of["value_generation"] + of["fifo_16x8"])
    edge = 255 * of["maximum_node"] + columns
    assert 0 < mugi["open_adders"] - rows - edge < 0.06 * rows  # the vector unit and the rest
    assert mugi["open_adders"] > 1.3 * mugi["listed_adders"]
    whole = sums["listed_adders"] + sums["missing_adders"]
    assert whole.to_list() == pytest.approx(sums["open_adders"].to_list())
    assert (sums["missing_adders"] > 0).sum() == 2


def test_differences_are_those_above_2_percent(table):
    other = table.copy()
    other.loc[3, "area"] *= 1.019
    assert not units.differences(other, table)
    other.loc[5, "area"] *= 0.97
    [line] = units.differences(other, table)
    assert line.startswith(f"{table['unit'][5]}: ") and "-3.0%" in line


def test_a_row_of_the_adder_is_the_adder_of_the_technology(table):
    adder, published = Synthesis(700, 0, 30, 1), technology().logic["adderbf16"]
    for made, times in ((adder, 1), (Synthesis(1400, 0, 60, 1), 2)):
        for key, value in rows.row(made, adder).items():
            assert value == pytest.approx(times * getattr(published, key))


def test_the_technology_has_the_element_of_figna(table):
    made = {
        name: Synthesis(row["area"], row["flip_flops"], row["cells"], 0)
        for name, row in table.set_index("unit").iterrows()
    }
    row, known = rows.row(made["figna_pe"], made["bf16_adder"]), technology().logic["figna_pe"]
    assert row == {key: pytest.approx(getattr(known, key), rel=0.001) for key in row}


def test_flip_flops_take_the_power_of_registers():
    register, adder = technology().logic["register"], technology().logic["adderbf16"]
    of_a_bit = register.area_mm2 / adder.area_mm2 * 700
    row = rows.row(Synthesis(16 * of_a_bit, 16, 16, 0), Synthesis(700, 0, 30, 1))
    assert row["dynamic_mw"] == pytest.approx(16 * register.dynamic_mw)
    assert row["area_mm2"] == pytest.approx(16 * register.area_mm2)


def test_a_technology_of_open_areas(table, tmp_path):
    path = tmp_path / "open.yaml"
    assert main(["rtl", "technology", "-o", str(path)]) == 0
    made, published = technology(str(path)), technology()
    of = table.set_index("unit")["area_adders"]
    adder = published.logic["adderbf16"].area_mm2
    assert made.logic["adderbf16"].area_mm2 == pytest.approx(adder, rel=1e-5)
    fifo = made.logic["fifo"]
    assert fifo.area_mm2 == pytest.approx(of["fifo_16x8"] * adder, rel=1e-5)
    assert fifo.dynamic_mw == published.logic["fifo"].dynamic_mw
    assert made.logic["register"].area_mm2 == pytest.approx(of["register_16"] / 16 * adder, 1e-5)
    assert made.logic["prealigner"].area_mm2 == pytest.approx(
        of["figna_prealigner_16"] / 16 * adder, 1e-5
    )
    grid = RUN | {"design": "mugi", "array_height": 256, "technology": ["45nm", str(path)]}
    assert evaluate_hardware(grids=[grid])["area_mm2"].nunique() == 2


@pytest.mark.parametrize(
    ("part", "rows", "line"),
    [
        ("compare", lambda table: table[:1], "table of areas: lacks accumulator"),
        ("compare", lambda table: table.assign(area_adders=0), "needs areas above 0"),
        ("technology", lambda table: table.iloc[[0, 1, 0]], "unit 'bf16_adder' is there twice"),
    ],
)
def test_tables_that_are_not_of_all_units_once(part, rows, line, table, tmp_path, capsys):
    path, output = tmp_path / "areas.csv", str(tmp_path / "out")
    rows(table).to_csv(path, index=False)
    of_part = {
        "compare": [
            "--units",
            f"{output}1.csv",
            "--sums",
            f"{output}2.csv",
            "-o",
            f"{output}3.csv",
        ],
        "technology": ["-o", f"{output}.yaml"],
    }
    assert main(["rtl", part, str(path), *of_part[part]]) == 2
    assert line in capsys.readouterr().err.splitlines()[0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change", [{}, {"adderbf16": {"area_mm2": 0}}, {"fifo": {"per": {}}}, {"register": {"per": {}}}]
)
def test_technologies_that_lack_a_class(change, table, tmp_path):
    path = tmp_path / "few.yaml"
    whole = yaml.safe_load(files("mugi.hardware").joinpath("technology", "45nm.yaml").read_text())
    logic = change and whole["logic"]
    logic |= {name: logic[name] | row for name, row in change.items()}
    path.write_text(yaml.safe_dump(whole | {"logic": logic}))
    with pytest.raises(InputError, match=r"few.yaml: logic\.\w+: must be there, with an area"):
        rows.open_technology(table, str(path))


def test_a_library_in_a_table_is_a_comment_of_one_line(table):
    text = rows.open_technology(table.assign(library="a\nlogic: {}\n#"))
    assert yaml.safe_load(text)["logic"]


def test_the_packaged_technology_has_the_areas_of_the_table(table):
    text = files("mugi.hardware").joinpath("technology", "45nm-open.yaml").read_text()
    assert text == rows.open_technology(table), "mugi rtl technology -o that file"


def test_a_component_of_ones_own(tmp_path, osu018, capsys):
    text = (SOURCES / "register.v").read_text().replace("module register", "module mine")
    path, output = verilog(tmp_path, text), tmp_path / "technology.yaml"
    command = ["rtl", "area", str(path), "--top", "mine", "--set", "WIDTH=64", "--clock-ns=12"]
    assert main([*command, "-o", str(output)]) == 0
    logic = technology(str(output)).logic["mine"]
    bit = units.read_areas().set_index("unit")["area_adders"]["register_16"] / 16
    wanted = 64 * bit * technology().logic["adderbf16"].area_mm2
    assert logic.area_mm2 == pytest.approx(wanted, rel=0.03)  # of an adder at another clock
    assert "64 flip-flops" in capsys.readouterr().out


def test_names_that_yaml_reads_as_something_else(tmp_path, osu018):
    """The module `no` in a library whose name has the end of a line."""
    liberty, output = tmp_path / "a\nb: c.lib", tmp_path / "technology.yaml"
    liberty.write_text(osu018.read_text())
    path = verilog(tmp_path, INVERTING.replace("module a", "module no"))
    command = ["rtl", "area", str(path), "--top", "no", "--clock-ns=12"]
    assert main([*command, "--liberty", str(liberty), "-o", str(output)]) == 0
    assert technology(str(output)).logic["no"].area_mm2 > 0


def test_systemverilog_in_a_folder_with_a_blank(tmp_path, osu018):
    (tmp_path / "my files").mkdir()
    text = "module a(input logic x, z, output logic y); always_comb y = x & z; endmodule"
    path = verilog(tmp_path / "my files", text, "a.sv")
    made = synthesise([path], "a", {}, osu018, 12)
    assert (made.flip_flops, made.cells) == (0, 1) and made.longest_path_ns > 0


INVERTING = "module a(input x, output y); assign y = ~x; endmodule"
WIRE = "module a(input x, output y); assign y = x; endmodule"
ABSENT = "module a(input x, output y); b c(x, y); endmodule"
LATCH = "module a(input c, d, output reg q); always @* if (c) q = d; endmodule"
OF_C = """import
  "DPI-C" function integer `F(integer code);
module a(input x, output y); localparam integer X = `F(0); assign y = x ^ X; endmodule"""


@pytest.mark.parametrize(
    ("text", "top", "parameters", "line"),
    [
        (INVERTING, "b", {}, "Module `b' not found"),
        (INVERTING, "a", {"H": 1}, "defparam `H`"),
        ("modul a;", "a", {}, "syntax error"),
        (WIRE, "a", {}, "no area: a has no gates"),
        (ABSENT, "a", {}, "`\\b' referenced"),
        (LATCH, "a", {}, "no area: the library has no cell for $_DLATCH_P_"),
        (f"`define F exit\n{OF_C}", "a", {}, "functions of C are not called: \\exit"),
        (INVERTING, "a; shell", {}, "'a; shell' is no name of Verilog"),
    ],
)
def test_modules_that_have_no_area(text, top, parameters, line, tmp_path, osu018):
    path = verilog(tmp_path, text)
    with pytest.raises(InputError) as raised:
        synthesise([path], top, parameters, osu018, 12)
    assert len(raised.value.mistakes) == 1 and line in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('module a;\n`include "/etc/passwd"\nendmodule', "mine.v:2: '`include' may read a file"),
        ('// "\n`include "b.v" // "', "mine.v:2: '`include'"),
        ('"\n//" `include "/etc/passwd"', "mine.v:2: '`include'"),
        ('`define A(x) `in\n`A(1)clude "b.v"', "mine.v:1: '`in'"),
        ('`define A(x) `\n`A(1)include "b.v"', "mine.v:1: '`'"),
        ('initial $readmemh("/dev/zero", m);', "mine.v:1: '$readmemh'"),
        ('`define A memh\ninitial $read`A("b", m);', "mine.v:2: '$read'"),
        ('`define A(x) $read``x\ninitial `A(memb)("b", m);', "mine.v:1: '$read'"),
    ],
)
def test_verilog_that_reads_files_is_not_synthesised(text, line, tmp_path, yosys):
    path = verilog(tmp_path, text)
    packed = tmp_path / "packed.v"
    packed.write_bytes(gzip.compress(text.encode()))
    for source, told in ((path, line), (packed, "compressed by gzip")):
        with pytest.raises(InputError) as raised:
            synthesise([source], "a", {}, path, 12)
        assert len(raised.value.mistakes) == 1 and told in str(raised.value)


def test_signs_in_comments_and_macros_are_verilog(tmp_path, osu018):
    text = "// `include`, $readmemh(\n`define NOT(x, y) ~ x``y /* ` */\n"
    sources = [
        verilog(tmp_path, text, "macros.v"),
        verilog(tmp_path, "module a(input one, output y); assign y = `NOT(on, e); endmodule"),
    ]
    assert synthesise(sources, "a", {}, osu018, 12).cells == 1


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (
            "module a; function integer f(input integer n); begin f = n; while (f < 2) f = f * 1;"
            " end endfunction localparam X = f(1); endmodule",
            (f"-t {60 * synthesis.MOST_MINUTES}", "-t 1"),
        ),
        ("`define A `B `B `B\n`define B `A `A\nmodule a; `A endmodule", ("-v 8388608", "-v 99999")),
    ],
)
def test_verilog_without_an_end_is_ended(text, limit, tmp_path, osu018, monkeypatch):
    monkeypatch.setattr(synthesis, "LIMITED", synthesis.LIMITED.replace(*limit))
    with pytest.raises(InputError, match=r"killed by signal .; it may take 10 minutes and 8 GB"):
        synthesise([verilog(tmp_path, text)], "a", {}, osu018, 12)


@pytest.mark.parametrize(
    ("liberty", "line"),
    [
        ("", "few.lib: no cells"),
        ("\0\x7fELF", "few.lib: no cells"),
        ("no library (", "few.lib: no cells"),
        ("library (none) { /* cell (A) { } */ }", "few.lib: no cells"),
        (INVERTER[:-3], "few.lib: not whole"),
        (f'{INVERTER.rstrip()[:-1]} "}}', "few.lib: not whole"),
        ("library (none) { cell (A) { } }", "no area: ABC could not map it"),
        (INVERTER, "no area: ABC could not map it"),
    ],
)
def test_libraries_that_give_no_area(liberty, line, tmp_path, yosys, capsys):
    library = verilog(tmp_path, liberty, "few.lib")
    path = verilog(tmp_path, "module a(input x, z, output y); assign y = x & z; endmodule")
    output = tmp_path / "out.yaml"
    command = ["rtl", "area", str(path), "--top", "a", "--liberty", str(library), "--clock-ns=1"]
    assert main([*command, "-o", str(output)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and line in told[0] and not output.exists()


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_a_library_that_is_no_file(what, tmp_path, capsys):
    path = tmp_path / "no.lib"
    path.mkdir() if what == "folder" else os.mkfifo(path)
    assert main(["rtl", "table", "--liberty", str(path), "-o", str(tmp_path / "o.csv")]) == 2
    assert "no liberty file" in capsys.readouterr().err


def test_a_tool_that_ends_without_an_area(tmp_path, monkeypatch):
    """As Yosys can, where ABC was killed: status 0, and nothing in its report."""
    tool = verilog(tmp_path, "#!/bin/sh\necho 3 objects. > cells\n", "yosys")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InputError, match=r"pe of pe.v on .*: synthesis ended without an area"):
        synthesise([SOURCES / "pe.v"], "pe", {}, tool, 1)


def test_what_is_not_installed(tmp_path, monkeypatch, capsys):
    output = tmp_path / "out.csv"
    monkeypatch.setattr(synthesis, "LIBRARIES", {"osu018": tmp_path / "osu018.lib"})
    assert main(["rtl", "table", "-o", str(output)]) == 2
    told = capsys.readouterr().err
    assert "apt-get install qflow-tech-osu018" in told and "every target but `rtl`" in told
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["rtl", "area", __file__, "--top", "a", "--liberty", __file__]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "apt-get install yosys" in told
    assert not output.exists()


def test_names_of_libraries(capsys):
    assert main(["rtl", "table", "--liberty", "osu18", "-o", "x.csv"]) == 2
    assert "did you mean 'osu018'?" in capsys.readouterr().err
