"""Snakemake's plugins for Kubernetes and storage: a dry run with S3, a run with one of folders.

Nothing is reached outside of this machine: S3 is a server here that has no object.
"""

import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.faults.project import hashes
from tests.workflow.project import BIN, TINY, run

pytestmark = pytest.mark.slow
PLUGINS = ["executor-plugin-kubernetes", "storage-plugin-fs", "storage-plugin-s3"]


class Empty(BaseHTTPRequestHandler):
    """A bucket without objects."""

    def answer(self):
        is_bucket = self.path.rstrip("/").count("/") == 1
        self.send_response(200 if is_bucket else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def stored(project, plugged):
    """Run `snakemake` with the plugins in the copy."""
    if not shutil.which("rsync"):  # by which the plugin of folders copies
        subprocess.run(["apt-get", "install", "-y", "-q", "rsync"], check=True)
    python = plugged(*(f"snakemake-{name}" for name in PLUGINS))

    def call(*arguments: str) -> str:
        keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
        path = os.pathsep.join([str(python.parent), str(BIN), os.environ["PATH"]])
        done = subprocess.run(
            [python, "-m", "snakemake", *TINY, *arguments],
            cwd=project,
            env=os.environ | keys | {"PYTHONPATH": str(project), "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    return call


def test_everything_is_planned_on_kubernetes_with_results_in_s3(stored, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        place = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://bucket/mugi"]
        place += ["--storage-s3-endpoint-url", endpoint, "--directory", str(tmp_path)]
        said = stored("-n", "--executor", "kubernetes", "--jobs", "16", *place)
        server.shutdown()
    assert "This was a dry-run" in said and "write_report" in said
    assert "s3://bucket/mugi/results/accuracy/models/tiny.csv" in said
    assert "errors.py (in storage)" not in said  # the package is in the image, not in the bucket


def test_figures_with_results_in_storage(stored, project, tmp_path):
    """With the bytes of a run without it, and nothing to do afterwards."""
    prefix = str(tmp_path / "store")
    place = ["--default-storage-provider", "fs", "--default-storage-prefix", prefix]
    targets = ["-c1", "fig10", "fig11", "--directory"]
    stored(*place, *targets, str(tmp_path / "work"))
    assert "Nothing to be done" in stored(*place, *targets, str(tmp_path / "work"))
    plain = run(project, "snakemake", *TINY, *targets, str(tmp_path))
    assert plain.returncode == 0, plain.stderr
    kept = hashes(tmp_path / "store")
    assert {"results/figures/fig10.png", "results/hardware/hardware.csv"} <= kept.keys()
    assert kept == hashes(tmp_path)
