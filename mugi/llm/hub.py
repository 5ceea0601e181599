"""Which version of a data set of the Hugging Face hub is measured on."""

from collections.abc import Iterable
from functools import cache

from huggingface_hub import HfApi, scan_cache_dir
from huggingface_hub.errors import CacheNotFound, HfHubHTTPError

from mugi.errors import InputError, first_line

_SECONDS = 10  # to wait for the hub
# Of the hub (also because of HF_HUB_OFFLINE), for names that are none, and of its library of HTTP.
_FAILURES = (OSError, ValueError, *HfHubHTTPError.__bases__)


def revisions(datasets: Iterable[str]) -> dict[str, str]:
    """Return the commit of each data set, for the key of a cell."""
    return {dataset: revision(dataset) for dataset in datasets}


@cache
def revision(dataset: str) -> str:
    """Return the commit of a data set: of the hub or, offline, of what was downloaded last.

    Raises InputError if neither is there.
    """
    try:
        return HfApi().dataset_info(dataset, timeout=_SECONDS).sha
    except _FAILURES as error:
        if downloaded := _downloaded(dataset):
            return downloaded
        reason = f"{first_line(error).rstrip('.')}; it is not downloaded"
        raise InputError(f"data set {dataset} of the Hugging Face hub: {reason}") from None


def _downloaded(dataset: str) -> str | None:
    """Return the commit of the data set that came into the hub's cache last, if any did."""
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return None
    versions = [
        version
        for repository in repositories
        if (repository.repo_type, repository.repo_id) == ("dataset", dataset)
        for version in repository.revisions
    ]
    last = max(versions, key=lambda version: version.last_modified, default=None)
    return last.commit_hash if last else None
