"""schemathesis sends a real server requests that docs/openapi.yaml allows and requests that it forbids, and checks
the answers against it.

The requests are the same each time: they depend on the document, not on chance or the clock.
"""

import os
import subprocess

from treadle import ROOT

# Omits the check that everything the document allows is accepted. Some rules involve more than one part of a request
# (the key in header and body), and some depend on the server's data (a partial policy is merged with the current
# one).
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "negative_data_rejection", "unsupported_method")


def test_schemathesis_finds_nothing(server, tmp_path):
    program = ROOT / "build/python/bin/st"
    assert program.exists(), "schemathesis is missing; run ./dev setup test"
    result = subprocess.run(
        [program, "run", ROOT / "docs/openapi.yaml", "--url", server.url, "--checks", ",".join(CHECKS),
         "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--generation-deterministic",
         "--generation-codec", "ascii", "--workers", "1",
         "--exclude-operation-id", "getOpenApi",  # a document, which schemathesis would treat as data
         "--request-timeout", "20", "--no-color"],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "tests/e2e")},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=150)
    assert result.returncode == 0, result.stdout[-20_000:]
    assert server.get("/readyz").status == 200
