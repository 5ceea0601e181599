"""The configurations that the documentation shows."""

import re
from pathlib import Path

from mugi.cli import main


def test_the_configurations_of_the_documentation_have_no_mistakes(tmp_path, capsys):
    root = Path(__file__).parents[2]
    text = (root / "docs" / "models.md").read_text(encoding="utf-8")
    found = re.findall(r"cat > (\S+) <<EOF\n(.*?)EOF\n", text, flags=re.S)
    assert [name for name, _ in found] == ["mine.yaml", "vision.yaml"]
    for name, content in found:
        file = tmp_path / name
        file.write_text(content.replace("results/models/smollm2_135m", str(tmp_path)))
        assert main(["check", str(file)]) == 0
    file.write_text(content.replace("digits", "digit"))
    assert main(["check", str(file)]) == 2
    line = "models.dinov2_vit_s.data: no folder 'digit' (did you mean 'digits'?); one of: a folder"
    assert line in capsys.readouterr().err
