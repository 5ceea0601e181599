"""lm-eval's own command line with the model `mugi`, for versions without model entry points.

    python -m mugi.accuracy.lm_eval --model mugi --model_args pretrained=FOLDER,approximation=… \\
        --tasks mugi_prose

Where a version announces entry points, `lm_eval --model mugi` does the same. The local tasks are
known here without `--include_path`.
"""

import sys

from lm_eval.__main__ import cli_evaluate

from mugi.accuracy import harness  # registers the model
from mugi.errors import InputError


def main(argv: list[str] | None = None) -> int:
    """Run lm-eval's command; return 0, or 2 for bad input, said in one line each."""
    argv = sys.argv[1:] if argv is None else argv
    before = sys.argv
    own = [] if "--include_path" in argv else ["--include_path", str(harness.TASKS)]
    sys.argv = ["lm_eval", *argv, *own]
    try:
        cli_evaluate()
        return 0
    except InputError as error:
        for line in str(error).splitlines():
            print(f"mugi: {line}", file=sys.stderr)
        return 2
    finally:
        sys.argv = before


if __name__ == "__main__":
    sys.exit(main())
