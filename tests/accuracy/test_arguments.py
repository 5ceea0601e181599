"""The arguments that all commands with a model share are `ModelSettings`."""

import argparse

import pytest

from mugi.commands.arguments import (
    add_model_arguments,
    model_settings,
    options_named,
)
from mugi.errors import InputError
from mugi.llm.settings import ModelSettings


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    return parser.parse_args([*arguments])


def test_arguments_are_the_settings(tmp_path):
    assert model_settings(parsed(str(tmp_path))) == ModelSettings(str(tmp_path))
    options = ["--name=m", "--dtype=bfloat16", "--attention=eager", "--device=cpu", "--threads=2"]
    found = model_settings(parsed("org/model", *options))
    assert found == ModelSettings("org/model", "m", "bfloat16", "eager", "cpu", 2)


def test_mistakes_come_together_and_name_the_options(tmp_path):
    args = parsed(str(tmp_path), "--threads=0", "--device=gpu")
    with pytest.raises(InputError) as error, options_named(args):
        model_settings(args)
    starts = [str(mistake).partition(":")[0] for mistake in error.value.mistakes]
    assert starts == ["--threads 0", "--device gpu"]
