"""Reading tables with clear mistakes; writing whole files or none."""

import os

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from mugi import files
from mugi.errors import InputError
from mugi.files import (
    check_outputs,
    plain_frame,
    read_table,
    write_table,
    write_tables,
    write_text,
)

TABLE = pd.DataFrame({"name": ["a", "b"], "value": [0.1, 1 / 3]})


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_is_read_as_it_was_written(ending, tmp_path):
    path = tmp_path / "new" / f"t{ending}"
    write_table(TABLE, path)
    pd.testing.assert_frame_equal(read_table(path, ["name"], ["value"]), TABLE)
    write_tables([TABLE, TABLE], path)
    pd.testing.assert_frame_equal(read_table(path), pd.concat([TABLE] * 2, ignore_index=True))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,valeu\na,1\n", r"t.csv: missing column 'value' \(did you mean 'valeu'\?\)"),
        ("name,value\na,1\nb,x\n", "t.csv: line 3, value: 'x' is not a number"),
        ("name,value\na,\n", "t.csv: line 2, value: '' is not a number"),
        ("name,value\n", "t.csv: no rows"),
        ("", "t.csv: No columns"),
        ("a,b\n1,2,3\n4,5,6,7\n", r"t.csv: line 3 has 4 cells, the heading 3; cells must be separ"),
        (
            "name;value\na;1\n",
            r"t.csv:1: columns are separated by ';'; cells must",
        ),
        ("name;value\na;1,5\n", r"t.csv:1: columns are separated by ';'"),
        ("name\tvalue\na\t1\n", "t.csv:1: columns are separated by tabs"),
        ("name|value\na|1\n", r"t.csv:1: columns are separated by '\|'"),
        ("name,value\na;1\n", "t.csv:2: columns are separated by ';'"),
        ('name,value\na,"4,096"\n', "'4,096' is not a number .*, and nothing between thousands"),
        ("name,value\na,1,5\nb,2,5\n", "t.csv: rows have more cells than the heading; cells must"),
        ("name,value\na,1,5\nb,2\n", "t.csv: rows have more cells than the heading"),
        (
            'name,value\na,"1,5"\n',
            r"line 2, value: '1,5' is not a number \(a decimal comma",
        ),
        ("name,value,name\na,1,b\n", "t.csv:1: column 'name' is there twice"),
        ("\nname,value,name\na,1,b\n", "t.csv:1: column 'name' is there twice"),
        (
            ",".join(f"c{n}" for n in range(60_000)) + "\n",
            "t.csv:1: 60,000 columns, more than 2,000",
        ),
        ("a" * 200_000 + ",value\na,1\n", "t.csv: field larger than field limit"),
        ("name,value\n1,1\n2,2\n", "t.csv: line 2, name: must be text, not 1"),
        ("name,value\na,inf\n", "t.csv: line 2, value: 'inf' is not finite"),
        (f"name,value\na,{10**400}\n", "t.csv: value: a number of more than 308 digits"),
        ("name,value\na,nan\n", "t.csv: line 2, value: 'nan' is not a number"),
    ],
)
def test_a_table_with_a_mistake_is_one_line(text, said, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_table(path, [], ["value"], ["name"])


def test_numbers_are_numbers_even_if_they_were_stored_as_text(tmp_path):
    write_table(pd.DataFrame({"value": ["3.2", "1"]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", numbers=["value"])["value"].tolist() == [3.2, 1.0]


def test_whole_numbers_of_more_than_64_bits_are_floats_which_parquet_has_too(tmp_path):
    (tmp_path / "t.csv").write_text(f"value\n{10**25}\n1\n")
    write_table(read_table(tmp_path / "t.csv"), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["value"].tolist() == [1e25, 1]


def test_empty_cells_of_text_are_empty_text_in_both_kinds(tmp_path):
    table = pd.DataFrame({"name": ["a", None], "value": [1.0, 2.0]})
    for ending in ("csv", "parquet"):
        write_table(table, tmp_path / f"t.{ending}")
        assert read_table(tmp_path / f"t.{ending}")["name"].tolist() == ["a", ""]


def test_rows_of_a_parquet_are_numbered_anew(tmp_path):
    """What pandas stored as an index without a name is no column, and no line number."""
    TABLE.set_axis([7, 3]).to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), TABLE)
    TABLE.set_index("name").to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet")[list(TABLE)], TABLE)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_numbers_of_pandas_own_kinds_are_plain(backend, tmp_path):
    table = pd.DataFrame({"name": ["a", "b"], "value": [0.1, None], "count": [1, 2]})
    odd = table.convert_dtypes(dtype_backend=backend)
    odd.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table)
    found = plain_frame(odd, "runs")[["value", "count"]]
    pd.testing.assert_frame_equal(found, table[["value", "count"]].astype(float))


def test_columns_of_a_frame_have_names_each_once():
    wrong = {"must be text, not 1": TABLE.set_axis(["name", 1], axis=1)}
    wrong["'value' is there twice"] = pd.concat([TABLE, TABLE[["value"]]], axis=1)
    wrong["must be text, not \\('a', 'name'\\)"] = pd.concat({"a": TABLE}, axis=1)
    for said, table in wrong.items():
        with pytest.raises(InputError, match=said):
            plain_frame(table, "runs")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "t.csv").write_text("name,value\na,1\n", "utf-8-sig")
    assert list(read_table(tmp_path / "t.csv")) == ["name", "value"]


def test_a_file_that_is_no_parquet_is_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("name,value\n")
    with pytest.raises(InputError, match=r"t\.parquet: "):
        read_table(path)


def test_what_fails_while_it_is_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.csv"
    write_table(TABLE, path)
    before = path.read_bytes()

    def fails():
        yield TABLE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tables(fails(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_permissions_of_the_umask(tmp_path):
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "t.txt", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "t.txt").stat().st_mode & 0o777 == 0o640


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*it is a folder"):
        files.check_writable(tmp_path)
    with pytest.raises(InputError, match=r"cannot write .*file/t\.csv"):
        files.check_writable(tmp_path / "file" / "t.csv")
    with pytest.raises(InputError, match=r"must end in \.csv or \.parquet"):
        write_table(TABLE, tmp_path / "t.xlsx")


def parquet_of(path, column) -> None:
    parquet.write_table(pyarrow.table({"note": column}), path, store_schema=True)


def test_text_that_a_parquet_has_once_and_every_row_repeats_is_not_written_out(tmp_path):
    many = pyarrow.DictionaryArray.from_arrays(np.zeros(40_000, np.int32), ["x" * 10**6])
    for name, column in {"one": many[:1], "many": many}.items():
        parquet_of(tmp_path / f"{name}.parquet", column)
    assert read_table(tmp_path / "one.parquet")["note"].str.len().tolist() == [10**6]
    with pytest.raises(InputError, match=r"many\.parquet: more than 1,000,000,000 bytes of text"):
        read_table(tmp_path / "many.parquet")


def test_a_parquet_that_says_it_is_larger_than_any_is_not_read(tmp_path, monkeypatch):
    write_table(TABLE, tmp_path / "t.parquet")
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    with pytest.raises(InputError, match=r"t\.parquet: unpacks to more than 10 bytes"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((1, 2, 2))),
        pyarrow.array([b"0123456789abcdef"], pyarrow.uuid()),
        pyarrow.array([b"a"]),
        pyarrow.array([[1]]),
    ],
)
def test_cells_of_a_parquet_that_are_neither_numbers_nor_text_are_refused(column, tmp_path):
    parquet_of(tmp_path / "t.parquet", column)
    with pytest.raises(InputError, match=r"t\.parquet: note: must hold numbers or text, not "):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()])
def test_text_of_a_parquet_is_text_of_whatever_kind(kind, tmp_path):
    parquet_of(tmp_path / "t.parquet", pyarrow.array(["a", None], kind))
    assert read_table(tmp_path / "t.parquet")["note"].tolist() == ["a", ""]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_pipes_are_not_read(ending, tmp_path):
    os.mkfifo(tmp_path / f"t{ending}")
    with pytest.raises(InputError, match=r"t\..*: is a pipe or a device, not a file"):
        read_table(tmp_path / f"t{ending}")


def test_outputs_are_checked_together(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    check_outputs([tmp_path / "a.csv", None], [tmp_path / "a.txt"])
    for tables, others, said in [
        (["a.csv", "./a.csv"], [], r"a\.csv: would be written twice"),
        (["a.csv"], ["a.csv"], r"a\.csv: would be written twice"),
        (["a.csv", "b.txt"], [], r"must end in \.csv or \.parquet"),
        (["a.csv"], ["folder.txt"], "it is a folder"),
    ]:
        with pytest.raises(InputError, match=said):
            check_outputs(*([f"{tmp_path}/{name}" for name in group] for group in (tables, others)))
