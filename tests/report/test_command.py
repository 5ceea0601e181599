"""`mugi report`: one line at the end, one line for each mistake."""

from mugi.cli import main
from tests.report.results import small_results


def test_what_was_written_and_what_is_missing(tmp_path, capsys):
    results = small_results(tmp_path / "results")
    assert main(["report", str(results), "-o", str(tmp_path / "report")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'report' / 'index.html'}: 10 pages, ")
    assert out.endswith(" things not made yet\n") and out.count("\n") == 1


def test_no_such_folder(tmp_path, capsys):
    assert main(["report", str(tmp_path / "no"), "-o", str(tmp_path / "report")]) == 2
    error = capsys.readouterr().err
    assert error == f"mugi report: {tmp_path / 'no'}: no such folder of results\n"
