"""Which version of a data set of the Hugging Face hub is measured on."""

from collections.abc import Iterable
from functools import cache

from huggingface_hub import HfApi, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from mugi.errors import InputError, first_line

_SECONDS = 10  # to wait for the hub


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
    except Exception as error:  # of the hub, the network, or because of HF_HUB_OFFLINE
        downloaded = _downloaded(dataset)
        if downloaded is None:
            raise InputError(
                f"data set {dataset} of the Hugging Face hub: {first_line(error).rstrip('.')}; "
                "it is not downloaded"
            ) from None
        return downloaded


def _downloaded(dataset: str) -> str | None:
    """Return the commit of the data set that came into the hub's cache last, if any did."""
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return None
    commits = {
        version.last_modified: version.commit_hash
        for repository in repositories
        if repository.repo_type == "dataset" and repository.repo_id == dataset
        for version in repository.revisions
    }
    return commits[max(commits)] if commits else None
