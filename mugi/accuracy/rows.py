"""The rows of accuracy.csv and of the documents' sums, as measurements come in."""

import math
from collections.abc import Mapping

import pandas as pd

import mugi
from mugi.accuracy.cells import packages
from mugi.accuracy.intervals import describe
from mugi.accuracy.metrics import metric_of
from mugi.errors import InputError, Mistake
from mugi.llm.settings import ModelSettings, device_kind
from mugi.methods import NATIVE, Approximation
from mugi.methods.references import references_of

KEYS = ["model", *Approximation._fields, "task"]
COLUMNS = [
    *[*KEYS, "metric", "unit", "reference"],
    *["value", "standard_error", "ci_low", "ci_high", "interval", "documents", "tokens"],
    *["cut", "window_tokens", "stride_tokens", "context_tokens", "bos", "prompt", "cut_prompts"],
    "text_sha256",
    *["dtype", "attention", "device", "seed", "versions"],
]
DOCUMENT_COLUMNS = [*KEYS, "metric", "reference", "document", "total", "weight"]
COUNTS = [
    *["documents", "tokens", "window_tokens", "stride_tokens", "context_tokens", "cut_prompts"],
    "seed",
]


class Rows:
    """The rows of one model so far."""

    def __init__(self, model: ModelSettings):
        self.settings = model
        self._rows: list[dict] = []
        self._documents: list[pd.DataFrame] = []

    def add(
        self,
        approximation: Approximation,
        sums: Mapping[Approximation, pd.DataFrame],
        facts: dict,
        reported: Mapping[str, object] | None = None,
    ) -> None:
        """Add the metrics of one approximation on one text or task, with their differences to its
        references, and its documents. reported: lm-eval's own values, which go before ours. Raises
        InputError for a value that is not finite, such as the exp of a large loss."""
        table = sums[approximation]
        native = approximation == Approximation()
        references = {} if native else references_of(approximation)
        rows = describe(table, {name: sums[other] for name, other in references.items()})
        if reported is not None:
            from mugi.accuracy import harness

            rows = harness.as_reported(rows, reported)
        methods = approximation._asdict().items()
        for row in rows:
            if not math.isfinite(row["value"]):
                where = f"{self.settings.name}, {approximation}, {facts['task']}"
                what = f"non-finite {row['metric']}, dtype {self.settings.dtype}"
                raise InputError(Mistake(f"{what}; try bfloat16 or float32", where))
        place = {name: str(method) if method else NATIVE for name, method in methods}
        scored = table.loc[table["metric"] == "token_perplexity", "weight"]
        place |= {"tokens": int(scored.sum()) if len(scored) else None} | facts
        self._rows += [place | row for row in rows]
        self._documents.append(table.assign(**place))

    def table(self) -> pd.DataFrame:
        """Return the rows with what all share: model, precision, attention, device, versions."""
        table = pd.DataFrame(self._rows, columns=COLUMNS)
        table["model"] = self.settings.name
        table["dtype"] = self.settings.dtype
        table["attention"] = self.settings.attention
        table.loc[table["softmax"] != NATIVE, "attention"] = "tables"
        table["device"] = device_kind(self.settings.device)
        versions = [f"{name} {version}" for name, version in packages().items()]
        table["versions"] = "; ".join([f"mugi {mugi.__version__}", *versions])
        table[COUNTS] = table[COUNTS].astype("Int64")
        settled = table["metric"].map(lambda name: metric_of(name).settled)
        table["context_tokens"] = table["context_tokens"].where(
            settled, table["context_tokens"].clip(upper=1)
        )
        return table

    def documents(self) -> pd.DataFrame:
        """Return the sums of every document."""
        table = pd.concat(self._documents, ignore_index=True)
        return table.assign(model=self.settings.name)[DOCUMENT_COLUMNS]
