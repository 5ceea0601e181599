"""`mugi collect`: tables with the same columns as one table."""

import pandas as pd

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
