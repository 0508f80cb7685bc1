"""What a release is made of: the bill of materials of the built program, and the files in dist/ with their sums."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TREADLE") or ROOT / "build/release/treadle")
EPOCH = 1_700_000_000


def run(*command, expect=0, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=120, check=False, **options)
    assert done.returncode == expect, done
    return done


def sbom_text():
    return run(ROOT / "scripts/sbom.py", BINARY, "--version", "1.2.3+x", "--commit", "abc", "--epoch", EPOCH).stdout


@pytest.fixture(scope="module")
def sbom():
    return json.loads(sbom_text())


def test_the_bill_of_materials_is_spdx(sbom):
    assert (sbom["spdxVersion"], sbom["dataLicense"], sbom["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    assert sbom["name"] and re.fullmatch(r"[a-z]+:[^#\s]+", sbom["documentNamespace"])
    assert sbom["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert all(re.match(r"(Tool|Organization|Person): \S", each) for each in sbom["creationInfo"]["creators"])
    ids = ["SPDXRef-DOCUMENT", *(each["SPDXID"] for each in sbom["packages"])]
    assert len(ids) == len(set(ids))
    for each in sbom["packages"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each["SPDXID"])
        assert each["name"] and each["versionInfo"] and each["filesAnalyzed"] is False
        for field in ("downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText", "supplier"):
            assert re.fullmatch(r"NOASSERTION|[A-Z][\w.-]*|Organization: .+", each[field]), (field, each)
        [reference] = each["externalRefs"]
        assert (reference["referenceCategory"], reference["referenceType"]) == ("PACKAGE-MANAGER", "purl")
        assert re.fullmatch(r"pkg:[a-z]+(/[a-z]+)?/[^@?#\s]+@[^@?#\s]+(\?[^@#\s]+)?", reference["referenceLocator"])
    for each in sbom["relationships"]:
        assert {each["spdxElementId"], each["relatedSpdxElement"]} <= set(ids)
        assert each["relationshipType"] in ("DESCRIBES", "DYNAMIC_LINK", "STATIC_LINK")


def related(sbom, kind):
    """The comments of the product's relations of a kind, by the other's name."""
    names = {each["SPDXID"]: each["name"] for each in sbom["packages"]}
    return {names[each["relatedSpdxElement"]]: each.get("comment", "") for each in sbom["relationships"]
            if each["relationshipType"] == kind}


def test_the_bill_of_materials_names_the_program(sbom):
    assert list(related(sbom, "DESCRIBES")) == ["treadle"]
    product = next(each for each in sbom["packages"] if each["name"] == "treadle")
    assert product["checksums"] == [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(BINARY.read_bytes()).hexdigest()}]
    assert product["versionInfo"] == "1.2.3+x" and product["licenseDeclared"] == "Apache-2.0"
    assert product["externalRefs"][0]["referenceLocator"] == "pkg:generic/treadle@1.2.3%2Bx"


def test_every_library_that_is_loaded_is_in_it(sbom):
    loaded = set(re.findall(r"(?:^|/)([\w.+-]+\.so[\w.]*) ", re.sub(r"^\s+", "", run("ldd", BINARY).stdout, flags=re.M), re.M))
    loaded.discard("linux-vdso.so.1")
    assert "libc.so.6" in loaded
    named = {name for comment in related(sbom, "DYNAMIC_LINK").values() for name in comment.removeprefix("loads ").split(", ")}
    assert {Path(each).name for each in named} == loaded


def test_every_library_that_the_sources_include_is_in_it(sbom):
    """Its own package, or the one whose library is loaded: both come from one source package."""
    headers = set()
    for source in [*(ROOT / "src").rglob("*.cc"), *(ROOT / "src").rglob("*.h"), *(ROOT / "include").rglob("*.h")]:
        if not source.name.endswith("_test.cc"):
            headers.update(re.findall(r"^#include <([\w+]+(?:/[\w./+]+|\.h(?:pp)?))>", source.read_text(), re.M))
    places = [Path("/usr/include") / header for header in sorted(headers)]
    owners = run("dpkg-query", "-S", *(place for place in places if place.exists())).stdout
    packages = {line.split(":")[0] for line in owners.splitlines()} - {"libc6-dev", "linux-libc-dev", "libgtest-dev", "libgmock-dev"}
    assert len(packages) > 5
    sources = {re.search(r"source package (\S+)", each["sourceInfo"]).group(1) for each in sbom["packages"] if each["name"] != "treadle"}
    for package in packages:
        assert run("dpkg-query", "-W", "-f=${source:Package}", package).stdout in sources, f"{package}: mark it in scripts/packages.txt"
    assert {"libboost1.81-dev", "libsqlite3-dev", "libjemalloc-dev"} <= set(related(sbom, "STATIC_LINK"))


def test_licences_that_debian_writes_for_machines_are_told(sbom):
    by_name = {each["name"]: each["licenseDeclared"] for each in sbom["packages"]}
    assert by_name["libboost1.81-dev"] == "BSL-1.0"
    assert by_name["libspdlog-dev"] == "MIT"
    assert by_name["libc6"] == "NOASSERTION"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A small package that is like ours."""
    base = tmp_path_factory.mktemp("packages")
    stage = base / "stage"
    for folder in ("DEBIAN", "usr/bin", "usr/share/man/man1", "usr/share/doc/treadle", "usr/lib/systemd/system", "etc/treadle"):
        (stage / folder).mkdir(parents=True)
    (stage / "DEBIAN/control").write_text("Package: treadle\nVersion: 1.2.3\nArchitecture: amd64\nMaintainer: x <x@localhost>\nDescription: x\n")
    shutil.copy("/bin/true", stage / "usr/bin/treadle")
    (stage / "usr/share/man/man1/treadle.1.gz").write_bytes(b"")
    shutil.copy(ROOT / "deploy/systemd/treadle.service", stage / "usr/lib/systemd/system")
    (stage / "etc/treadle/treadle.toml").touch()
    (base / "out").mkdir()
    run("dpkg-deb", "--root-owner-group", "-b", stage, base / "out/treadle_1.2.3_amd64.deb")
    (base / "out/treadle-dev_1.2.3_amd64.deb").touch()
    return base / "out"


def release(packages, dist, *options, **environment):
    return run(ROOT / "scripts/release.sh", packages, dist, "--commit", "abc", *options,
               env=dict(os.environ, SOURCE_DATE_EPOCH=str(EPOCH), **environment))


def test_a_release_is_whole_and_its_sums_are_right(packages, tmp_path):
    done = release(packages, tmp_path / "dist")
    assert "not signed" in done.stderr
    names = {"treadle_1.2.3_amd64.deb", "treadle-dev_1.2.3_amd64.deb", "treadle-1.2.3-linux-amd64.tar.gz",
             "treadle-1.2.3-linux-amd64.spdx.json", "SHA256SUMS"}
    assert set(done.stdout.split()) == {path.name for path in (tmp_path / "dist").iterdir()} == names
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=tmp_path / "dist").stdout
    assert {line.split(":")[0] for line in checked.splitlines()} == names - {"SHA256SUMS"}

    with tarfile.open(tmp_path / "dist/treadle-1.2.3-linux-amd64.tar.gz") as archive:
        members = archive.getmembers()
        program = archive.extractfile("treadle-1.2.3-linux-amd64/bin/treadle").read()
    inside = {member.name.removeprefix("treadle-1.2.3-linux-amd64/") for member in members}
    assert inside >= {"bin/treadle", "share/man/man1/treadle.1.gz", "lib/systemd/system/treadle.service",
                      "etc/treadle/treadle.toml", "LICENSE", "README.md"}
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {(0, 0, "", EPOCH)}
    sbom = json.loads((tmp_path / "dist/treadle-1.2.3-linux-amd64.spdx.json").read_text())
    assert sbom["packages"][0]["checksums"][0]["checksumValue"] == hashlib.sha256(program).hexdigest()


def test_a_release_made_twice_is_the_same(packages, tmp_path):
    for each in ("one", "two"):
        release(packages, tmp_path / each)
    assert (tmp_path / "one/SHA256SUMS").read_text() == (tmp_path / "two/SHA256SUMS").read_text()


@pytest.mark.skipif(not shutil.which("gpg"), reason="no gpg here")
def test_a_signature_is_good(packages, tmp_path):
    ring = tmp_path / "ring"
    ring.mkdir(mode=0o700)
    environment = dict(os.environ, GNUPGHOME=str(ring))
    gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    try:
        run(*gpg, "--quick-generate-key", "release@localhost", "ed25519", "sign", "never", env=environment)
        release(packages, tmp_path / "dist", "--sign", "release@localhost", GNUPGHOME=str(ring))
        run("gpg", "--batch", "--verify", tmp_path / "dist/SHA256SUMS.asc", tmp_path / "dist/SHA256SUMS", env=environment)
    finally:
        run("gpgconf", "--kill", "all", env=environment)
