"""schemathesis sends a real server what docs/openapi.yaml allows and what it forbids, and holds the answers against it.

The requests are the same each time: they depend on the document, not on chance or the clock.
"""

import os
import subprocess

from treadle import ROOT

# Whether everything that the document allows is accepted is left out: some rules need more than one place of a request
# (the key of header and body), and some depend on what the server has (a policy that is completed by the one in force).
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "negative_data_rejection", "unsupported_method")


def test_schemathesis_finds_nothing(server, tmp_path):
    program = ROOT / "build/python/bin/st"
    assert program.exists(), "schemathesis is missing; run ./dev setup test"
    result = subprocess.run(
        [program, "run", ROOT / "docs/openapi.yaml", "--url", server.url, "--checks", ",".join(CHECKS),
         "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--generation-deterministic",
         "--generation-codec", "ascii", "--workers", "1",
         "--exclude-operation-id", "getOpenApi",  # a document, which schemathesis takes for data
         "--request-timeout", "20", "--no-color"],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "tests/e2e")},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=150)
    assert result.returncode == 0, result.stdout[-20_000:]
    assert server.get("/readyz").status == 200
