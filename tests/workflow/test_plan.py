"""What the workflow would run, and what stops it before the first job."""

import json
import os
from pathlib import Path

import pytest
import yaml

from mugi.figures import FIGURES
from tests.workflow.project import planned, run

MODEL_RULES = {"prepare_model", "evaluate_accuracy", "sweep_accuracy", "tune_softmax"}


def test_everything_is_planned_but_what_needs_a_download(project):
    rules = planned(project)
    assert set(FIGURES) | MODEL_RULES | {"evaluate_hardware", "check_claims"} <= set(rules)
    assert not {"fetch_bigbench", "fetch_speech"} & set(rules)


@pytest.mark.parametrize(
    "option", ["--configfile", pytest.param("--profile", marks=pytest.mark.slow)]
)
def test_keys_that_stand_twice_stop_it_before_the_first_job(project, tmp_path, option):
    """Snakemake reads these files itself, and takes the last one."""
    path = tmp_path / "config.yaml"
    twice = {
        "--configfile": "accuracy:\n  seed: 1\n  seed: 2\n",
        "--profile": "cores: 1\ncores: 2\n",
    }
    path.write_text(twice[option])
    done = run(project, "snakemake", "-n", "fig10", option, str(path))
    assert done.returncode != 0 and "is there twice, first in line" in done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith("config: "))
    assert line.startswith(f"config: {path}:{len(twice[option].splitlines())}: key ")


@pytest.mark.slow
def test_files_beside_a_configuration_elsewhere(project, tmp_path):
    """Named relative to it, planned from another folder, with results in a third."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "array.yaml").write_text("extends: [carat]")
    node = {"design": "array.yaml", "array_height": 64, "model": "llama_2_7b", "batch_size": 1}
    settings = {"hardware": [node | {"seq_len": 128}], "figures": ["fig02"]}
    (tmp_path / "mine" / "config.yaml").write_text(yaml.safe_dump(settings))
    into = ["-s", str(project / "Snakefile"), "--directory", str(tmp_path / "into")]
    config = ["--configfile", "mine/config.yaml"]
    assert "evaluate_hardware" in planned(project, *into, "hardware", *config, folder=tmp_path)


@pytest.mark.slow
def test_bigbench_is_a_target_of_its_own(project):
    assert "fetch_bigbench" in planned(project, "bigbench")


@pytest.mark.slow
def test_the_full_run_measures_speech_and_vision_too(project):
    rules = planned(project, "accuracy", "judge_accuracy", "--configfile", "config/full.yaml")
    assert (rules["evaluate_accuracy"], rules["fetch_speech"]) == (3, 1)
    assert (rules["sweep_accuracy"], rules["judge_accuracy"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["hardware", "carbon", "fig15", "fig16"])
def test_hardware_targets_plan_no_model_evaluation(project, target):
    assert not MODEL_RULES & set(planned(project, target))


@pytest.mark.slow
def test_accuracy_target_plans_no_hardware(project):
    rules = set(planned(project, "accuracy"))
    assert {"prepare_model", "evaluate_accuracy", "sweep_accuracy"} <= rules
    assert "evaluate_hardware" not in rules


@pytest.mark.slow
def test_the_papers_models_are_planned_without_network_or_token(project):
    rules = planned(project, "accuracy", "--configfile", "config/paper.yaml")
    assert (rules["evaluate_accuracy"], rules["sweep_accuracy"]) == (2, 2)


def test_the_workflow_runs_from_any_folder_into_any_other(project, tmp_path):
    """Results go to the folder that is named; scripts, sources and the config are the project's."""
    (tmp_path / "from").mkdir()
    into = ["-s", str(project / "Snakefile"), "--directory", str(tmp_path / "into"), "--cores", "1"]
    done = run(project, "snakemake", *into, "fig10", folder=tmp_path / "from")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "into" / "results" / "figures" / "fig10.png").stat().st_size > 5000
    assert not list((tmp_path / "from").iterdir())
    assert not (project / "results").exists()


@pytest.mark.slow
def test_an_edited_config_json_evaluates_anew(project, tmp_path):
    config = {"model_type": "llama", "hidden_size": 48, "intermediate_size": 64}
    config |= {"num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config))
    grid = {"design": "mugi", "array_height": 64, "model": str(tmp_path), "batch_size": 1}
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"hardware": [grid | {"output_len": 8}], "figures": ["fig10"]}))
    command = ["results/hardware/hardware.csv", "--configfile", str(mine)]
    command += ["--directory", str(tmp_path)]
    done = run(project, "snakemake", "-c1", *command)
    assert done.returncode == 0, done.stderr
    assert planned(project, *command) == {}
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    assert "evaluate_hardware" in planned(project, *command)


@pytest.mark.slow
def test_a_new_figure_is_a_script_and_an_entry(project, tmp_path):
    script, table = project / "figures" / "heights.py", project / "mugi" / "figures.yaml"
    script.write_text(
        '"""Heights of arrays."""\nimport sys\nfrom figures import marks, output\n'
        "from mugi.files import read_table\n\n\ndef make(path, stem):\n"
        '    runs = read_table(path, ["array_height"])\n'
        "    figure, axes = marks.panels(1, 1, (2, 2))\n"
        '    axes[0][0].hist(runs["array_height"])\n'
        '    output.save_figure(figure, stem, runs[["array_height"]])\n\n\n'
        'if __name__ == "__main__":\n    sys.exit(output.run_script(make, __doc__))\n'
    )
    entry = "number: Extra\n  title: heights\n  category: Hardware\n  caption: Heights.\n"
    before = table.read_text()
    table.write_text(f"{before}\nheights:\n  {entry}  inputs: [results/hardware/hardware.csv]\n")
    few = tmp_path / "few.yaml"
    node = {"design": "mugi", "variant": "vlp", "array_height": [64, 128], "seq_len": 128}
    hardware = [node | {"model": "llama_2_7b", "batch_size": 1}]
    few.write_text(yaml.safe_dump({"hardware": hardware, "figures": ["heights"]}))
    try:
        config = ["--configfile", str(few), "--directory", str(tmp_path)]
        done = run(project, "snakemake", "figures", *config)
        assert done.returncode == 0, done.stderr
        for kind in ["csv", "pdf", "png"]:
            assert (tmp_path / "results" / "figures" / f"heights.{kind}").stat().st_size > 10
    finally:
        table.write_text(before)
        script.unlink()


def mistakes(project: Path, config: Path) -> list[str]:
    """Return what a run with `config` on top is refused with."""
    done = run(project, "snakemake", "--configfile", str(config))
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project / "results").exists()
    return [line for line in done.stderr.splitlines() if line.startswith("config:")]


def test_a_wrong_configuration_stops_before_the_first_job(project, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("accuracy: {seed: -1}\nfigures: [fig99]\n")
    lines = mistakes(project, wrong)
    assert len(lines) == 2
    assert any("fig99" in line for line in lines)


@pytest.mark.slow
def test_a_key_that_stands_twice_stops_too(project, tmp_path):
    twice = tmp_path / "twice.yaml"
    twice.write_text("datapath: {tokens: 2}\nfit: {rows: 4}\ndatapath: {tokens: 4}\n")
    [line] = mistakes(project, twice)
    assert f"{twice}:3: key 'datapath' is there twice, first in line 1" in line


@pytest.mark.slow
def test_figures_that_lack_runs_stop_it(project, tmp_path):
    narrow = tmp_path / "narrow.yaml"
    narrow.write_text(
        "hardware: [{design: mugi, variant: vlp, array_height: 256, model: llama_2_7b, "
        "batch_size: 8, seq_len: 4096}]\nfigures: [fig16, table1]\n"
    )
    [line] = mistakes(project, narrow)
    assert "fig16 needs this run once, which `hardware` has not at all: design=carat" in line


def test_table3_needs_the_cost_model_only_and_no_torch(project, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('torch is not needed')\n")
    path = os.pathsep.join([str(tmp_path), str(project)])
    (tmp_path / "runs.yaml").write_text(
        "- {design: mugi, variant: vlp, array_height: 128, model: llama_2_7b, "
        "batch_size: 8, seq_len: 4096}\n"
    )
    evaluate = ["mugi", "evaluate", "--grid", str(tmp_path / "runs.yaml")]
    done = run(project, *evaluate, "-o", str(tmp_path / "runs.csv"), PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    rules = planned(project, "table3", PYTHONPATH=path)
    assert rules == {"evaluate_hardware": 1, "table3": 1}
