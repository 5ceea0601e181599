"""The paper's figures and tables, a script each, drawn from the tables in `results/` only.

`paper` has the paper's names, colours and constants, `runs` picks the runs that a figure shows,
`work` says what they computed, `marks` draws bars, panels and heat maps, `output` writes files.
Which figures there are, what they read and say stands in `mugi/figures.yaml`.
"""

from mugi.runs import end_with_run

end_with_run()
