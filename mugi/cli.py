"""The `mugi` command. Its subcommands are modules of `mugi.commands`, imported when they run."""

import argparse
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import mugi
from mugi.errors import InputError, Mistake, closest, raise_all, unknown

# subcommand, a module of mugi.commands with add_arguments(parser) and run(args) -> help line
COMMANDS = {
    "check": "check a configuration file",
    "schema": "print the configuration's JSON schema or its table in Markdown",
    "approximate": "error of an approximation on every input",
    "fit": "parameters of approximations that suit given inputs",
    "weigh": "error of approximations by how often inputs occur",
    "lookup": "a VLP lookup table and what is read in it",
    "simulate": "the array against plain references and the cost model",
    "trace": "signals of a small array, cycle by cycle",
    "prepare": "write an embedded model as a local checkpoint",
    "accuracy": "accuracy of a model under approximations",
    "profile": "inputs of softmax and activation in a real model",
    "datapath": "INT4 layers of a model on the simulated array",
    "tune": "each layer's own LUT window",
    "concentration": "where the profiled inputs lie",
    "bigbench": "fetch BIG-bench tasks for `mugi accuracy`",
    "collect": "tables with the same columns as one table",
    "evaluate": "time, energy and area of accelerators on LLMs",
    "explore": "sweeps over any column, and their Pareto fronts",
    "models": "list models, or translate a Hugging Face config.json",
    "assumptions": "list the switches of the cost model",
    "carbon": "operational and embodied carbon of evaluated runs",
    "claims": "judge the paper's claims from the result tables",
    "manifest": "the code, packages and machine that a run is made by",
    "report": "pages on all that there is in a folder of results",
