"""What a design's file defines and nothing reads is a mistake, not a change without effect."""

import pandas as pd
import pytest
import yaml

from mugi.errors import InputError
from mugi.hardware import evaluate, library
from mugi.hardware.design import NEEDED, designs, load_design, variants
from mugi.hardware.unread import unread

RUN = {"design": "", "array_height": 32, "model": "llama_2_7b", "batch_size": 8, "seq_len": 128}
IDLE = {"class": "register", "width": 8, "tag": "pe"}


def own(tmp_path, name="mine.yaml", **changes) -> str:
    path = tmp_path / name
    path.write_text(yaml.safe_dump({"extends": ["systolic"]} | changes, sort_keys=False))
    return str(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"parameters": {"sram_kb": 512}},
            "parameters.sram_kb: no expression reads this parameter",
        ),
        (
            {"parameters": {"bank_bit": 512}},
            "parameter (did you mean 'bank_bits'?); one of: H, W, ",
        ),
        (
            {"parameters": {"i_widht": 64}},
            "i_widht: no expression reads this parameter (did you mean",
        ),
        ({"components": {"regster": IDLE}}, "components.regster: no event switches this component"),
        (
            {"gemm": {"symbols": {"bets": 1}}},
            "gemm.symbols.bets: no event of matrix products reads",
        ),
        ({"gemm": {"symbols": {"bets": 1}}}, "this symbol (did you mean 'beats'?)"),
        (
            {"nonlinear": {"symbols": {"beats": 1}}},
            "symbols.beats: no event of nonlinear operations",
        ),
        (
            {"variants": {"pwl": {"parameters": {"pwl_lane": 1}}}},
            "pwl.parameters.pwl_lane: no expr",
        ),
    ],
)
def test_it_is_named_with_its_nearest(tmp_path, changes, said):
    path = own(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        load_design(path)
    (line,) = str(error.value).splitlines()
    assert said.replace("pwl.parameters", "parameters") in line
    assert line.startswith(f"{path}:")


def test_a_chain_that_ends_nowhere_is_unread_as_a_whole(tmp_path):
    path = own(tmp_path, parameters={"sram_kb": 512, "sram_bits": "8192*sram_kb"})
    with pytest.raises(InputError) as error:
        load_design(path)
    assert len(error.value.mistakes) == 2


def test_what_another_variant_or_the_program_reads_is_read(tmp_path):
    """pwl_lanes is of the variant pwl, load_rows and fill of no expression."""
    read = {"fill": 3, "load_rows": 2, "nonlinear_fill": 1, "lookup_table": 0, "pwl_lanes": "H"}
    path = own(tmp_path, parameters=read)
    for variant in variants(path):
        load_design(path, variant)


def test_an_idle_component_is_switched_0_times(tmp_path):
    idle = {"events": {"array_gemm": {"use": {"pads": 0}}}}
    path = own(tmp_path, components={"pads": IDLE}, gemm=idle)
    ours, plain = evaluate(pd.DataFrame([RUN | {"design": n} for n in (path, "systolic")])).iloc
    assert ours["area_mm2"] > plain["area_mm2"]
    assert ours["dynamic_energy_nj"] == plain["dynamic_energy_nj"]


def test_names_of_a_file_that_is_extended_count_too(tmp_path):
    base = own(tmp_path, "base.yaml", parameters={"buffer": 7, "extra": 8})
    gemm = {"events": {"array_gemm": {"cycles": "beats + extra"}}}
    with pytest.raises(InputError, match=r"base.yaml:\d+: parameters.buffer: no expression reads"):
        load_design(own(tmp_path, extends=[base], gemm=gemm))


def test_the_packages_own_files_define_nothing_unread():
    """Abstract ones are read by those on top of them."""
    documents = [
        library.parsed(*library.source("design", n, designs)) for n in library.names("design")
    ]
    loaded = [load_design(name, variant) for name in designs() for variant in variants(name)]
    assert unread(documents, loaded, NEEDED) == []


def test_size_of_an_sram_by_the_documented_keys(tmp_path):
    """512 KB is four banks of 1,048,576 bits: the SRAMs of the array of 32 by 32."""
    ours = own(tmp_path, parameters={"bank_bits": 1048576, "i_width": 1024, "macros": 1})
    run = RUN | {"assumption.sram_capacity": "configured"}
    sizes = [run | {"design": "systolic"}, run | {"design": ours, "array_height": 16}]
    large, small = evaluate(pd.DataFrame(sizes))["area_sram_mm2"]
    assert small == large
