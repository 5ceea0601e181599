"""`mugi collect`: tables with the same columns as one table."""

import pandas as pd
import pytest

from mugi.cli import main
from mugi.files import read_table, write_table


def test_tables_stand_below_each_other_in_the_order_given(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in "ba"]
    for number, path in enumerate(paths):
        write_table(pd.DataFrame({"model": [path.stem], "value": [number]}), path)
    assert main(["collect", *map(str, paths), "-o", str(tmp_path / "all.csv")]) == 0
    assert read_table(tmp_path / "all.csv")["model"].tolist() == ["b", "a"]


def test_other_columns_are_one_line(tmp_path, capsys):
    write_table(pd.DataFrame({"model": ["a"]}), tmp_path / "a.csv")
    write_table(pd.DataFrame({"design": ["b"]}), tmp_path / "b.csv")
    paths = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert main(["collect", *paths, "-o", str(tmp_path / "all.csv")]) == 2
    said = capsys.readouterr().err
    assert said == f"mugi collect: {paths[1]}: its columns are not those of {paths[0]}\n"
    assert not (tmp_path / "all.csv").exists()


@pytest.mark.parametrize(
    ("columns", "together"),
    [
        ([[1, 2], ["", "3"]], [1, 2, None, 3]),
        ([[1], ["", ""]], [1, None, None]),
        ([[1], [2.5]], [1, 2.5]),
        ([["True"], ["", "True"]], ["True", "", "True"]),
        ([[10**25], [1]], [1e25, 1]),
        ([[1], ["foo"]], "b.csv: line 2, x: 'foo' is not a number, as in "),
        ([["foo"], [1]], "a.csv: line 2, x: 'foo' is not a number, as in "),
        ([[1], ["True"]], "b.csv: line 2, x: 'True' is not a number, as in "),
    ],
)
def test_a_column_of_a_parquet_is_numbers_or_text(columns, together, tmp_path, capsys):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, cells in zip(paths, columns, strict=True):
        path.write_text("\n".join(["x,y", *(f"{cell},1" for cell in cells)]))
    output = tmp_path / "all.parquet"
    status = main(["collect", *map(str, paths), "-o", str(output)])
    if isinstance(together, str):
        assert (status, output.exists()) == (2, False)
        assert together in capsys.readouterr().err
    else:
        pd.testing.assert_series_equal(
            read_table(output)["x"], pd.Series(together, name="x"), check_dtype=False
        )


def test_a_heading_that_is_no_heading_is_one_line(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("a" * 200_000 + ",b\n1,2\n")
    path = str(tmp_path / "a.csv")
    assert main(["collect", path, path, "-o", str(tmp_path / "all.csv")]) == 2
    assert capsys.readouterr().err.startswith(f"mugi collect: {path}: field larger than field lim")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]
