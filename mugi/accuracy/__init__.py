"""What approximations do to real models.

settings.py      what is measured: texts and their windows, tasks, data
evaluate.py      `evaluate_accuracy`: a model under approximations, as tables
windows.py       texts cut into windows           predictions.py   what a model predicts of them
metrics.py       each metric, once                intervals.py     differences, 95 % intervals
rows.py          the tables as they are written   finite.py        NaN and infinities stop a run
cells.py         finished measurements, by key    bigbench.py      BIG-bench tasks for lm-eval
harness.py       lm-eval's tasks                  lm.py            the model class that runs them
examples.py      speech.py and vision.py
profile.py       what softmax and activation see  concentration.py where that lies
tune.py          each layer's own LUT window      search.py, trials.py  its searches and runs
datapath.py      INT4 layers on the array
"""

VERSIONS = {"windows": 1, "tasks": 1, "examples": 1, "tuning": 1}
"""Version of each kind of measurement, in the keys of its finished cells (`mugi.accuracy.cells`).

Raise one with every change of its numbers, and only then: cells of the old one are not read any
more. `mugi.llm.VERSION` and `mugi.methods.VERSION` are those of how a model computes and of the
tables. tests/accuracy/test_versions.py notices numbers that change without it.
"""
