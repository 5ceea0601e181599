"""Validate a crate against a profile, without a network: what tests/test_crate.py runs.

    python -P validate_crate.py CRATE CONTEXT PROFILE...

In an environment with roc-validator. CONTEXT: a file with the JSON-LD context of RO-Crate 1.1,
which the validator would fetch. Prints the requirements that are not met; status 1 if any is not.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

URL = "https://w3id.org/ro/crate/1.1/context"


def main(crate: str, context: str, *profiles: str) -> int:
    text = Path(context).read_text("utf-8")

    def get(self, url: str, **_: object) -> SimpleNamespace:
        assert url == URL, f"{url} asked for"
        headers = {"Content-Type": "application/ld+json"}
        content = json.loads(text)
        return SimpleNamespace(
            status_code=200, headers=headers, text=text, json=lambda: content, url=url
        )

    HttpRequester.get = get
    valid = True
    for profile in profiles:
        settings = services.ValidationSettings(
            rocrate_uri=crate, profile_identifier=profile, requirement_severity=Severity.REQUIRED
        )
        result = services.validate(settings)
        for issue in result.get_issues():
            print(f"{profile}: {issue.check.identifier}: {issue.message}")
        print(f"{profile}: {'valid' if result.passed() else 'not valid'}")
        valid &= result.passed()
    return int(not valid)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
