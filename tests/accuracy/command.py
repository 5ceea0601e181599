"""`mugi accuracy` and `mugi tune` on a tiny model."""

from pathlib import Path

from mugi.cli import main


def accuracy(checkpoint, output, *arguments) -> int:
    """Run the command on 3 windows of 64 tokens of prose that overlap."""
    sizes = ["--cut", "joined", "--window", "64", "--stride", "32", "--windows", "3"]
    sizes += ["--task-window", "64"]
    return main(["accuracy", str(checkpoint), *sizes, "-o", str(output), *arguments])


def tune_tiny(checkpoint, folder: Path, *options: str) -> int:
    """Run `mugi tune` with few candidates on windows of 24 tokens."""
    small = ["--base", "vlp:lut=3,mantissa=1,group=4", "--default", "max_exp=2", "--tries", "2"]
    anchors = ["--max-exp=0", "--max-exp=3", "--min-exp=-4"]
    text = ["--window", "24", "--held-out-windows", "2", "--kl-context", "4"]
    tables = ["-o", folder / "tuning.csv", "--curve", folder / "curve.csv"]
    tables += ["--surface", folder / "surface.csv"]
    return main(["tune", str(checkpoint), *small, *anchors, *text, *map(str, tables), *options])
