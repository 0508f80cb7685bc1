"""What a release is made of: the bill of materials of the built program, and the files in dist/ with their sums."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TREADLE") or ROOT / "build/release/treadle")
EPOCH = 1_700_000_000
ARCH = subprocess.run(["dpkg", "--print-architecture"], text=True, capture_output=True, check=True).stdout.strip()
PYTHON_ARCH, NODE_ARCH = {"amd64": ("x86_64", "x64"), "arm64": ("aarch64", "arm64")}[ARCH]
VERSION = re.search(r"^project\(treadle VERSION ([\d.]+) ", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
# Stands for the program: it needs glibc only, and shows its arguments, its exit status and its signals.
PROGRAM = "/bin/dash"


def run(*command, expect=0, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=120, check=False, **options)
    assert done.returncode == expect, done
    return done


def sbom_text(program=BINARY, *options):
    return run(ROOT / "scripts/sbom.py", program, "--version", "1.2.3+x", "--commit", "abc", "--epoch", EPOCH, *options).stdout


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


def test_the_portable_program_contains_what_the_other_loads():
    portable = json.loads(sbom_text(PROGRAM, "--portable"))
    assert set(related(portable, "DYNAMIC_LINK")) == {"libc6"}
    inside = {"libfmt-dev", "libsimdjson-dev", "prometheus-cpp-dev", "libssl-dev", "libstdc++-12-dev", "libgcc-12-dev"}
    assert inside <= set(related(portable, "STATIC_LINK"))
    assert not inside & set(related(json.loads(sbom_text()), "STATIC_LINK"))
    notices = sbom_text(PROGRAM, "--portable", "--notices")
    assert all(f"\n{package} " in notices for package in inside)


def test_licences_that_debian_writes_for_machines_are_told(sbom):
    by_name = {each["name"]: each["licenseDeclared"] for each in sbom["packages"]}
    assert by_name["libboost1.81-dev"] == "BSL-1.0"
    assert by_name["libspdlog-dev"] == "MIT"
    assert by_name["libc6"] == "NOASSERTION"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A small package that is like ours, a portable program, and a compiled SDK."""
    base = tmp_path_factory.mktemp("packages")
    stage = base / "stage"
    for folder in ("DEBIAN", "usr/bin", "usr/share/man/man1", "usr/share/doc/treadle", "usr/lib/systemd/system", "etc/treadle"):
        (stage / folder).mkdir(parents=True)
    (stage / "DEBIAN/control").write_text(
        f"Package: treadle\nVersion: {VERSION}\nArchitecture: {ARCH}\nMaintainer: x <x@localhost>\nDescription: x\n")
    shutil.copy("/bin/true", stage / "usr/bin/treadle")
    (stage / "usr/share/man/man1/treadle.1.gz").write_bytes(b"")
    shutil.copy(ROOT / "deploy/systemd/treadle.service", stage / "usr/lib/systemd/system")
    (stage / "etc/treadle/treadle.toml").touch()
    (base / "out/portable" / ARCH).mkdir(parents=True)
    run("dpkg-deb", "--root-owner-group", "-b", stage, base / f"out/treadle_{VERSION}_{ARCH}.deb")
    (base / f"out/treadle-dev_{VERSION}_{ARCH}.deb").touch()
    shutil.copy(PROGRAM, base / "out/portable" / ARCH / "treadle")
    (base / "out/javascript").mkdir()
    (base / "out/javascript/index.js").write_text("export const marker = 7;\n")
    return base / "out"


def release(packages, dist, *options, expect=0, **environment):
    return run(ROOT / "scripts/release.sh", packages, dist, "--javascript", packages / "javascript", "--commit", "abc", *options,
               expect=expect, env=dict(os.environ, SOURCE_DATE_EPOCH=str(EPOCH), **environment))


@pytest.fixture(scope="module")
def dist(packages, tmp_path_factory):
    """A release that tests only read."""
    place = tmp_path_factory.mktemp("dist") / "dist"
    done = release(packages, place)
    assert "not signed" in done.stderr
    assert set(done.stdout.split()) == {path.name for path in place.iterdir()}
    return place


def test_a_release_is_whole_and_its_sums_are_right(dist):
    glibc = max(tuple(map(int, each)) for each in re.findall(r"Name: GLIBC_(\d+)\.(\d+)", run("readelf", "-VW", PROGRAM).stdout))
    names = {f"treadle_{VERSION}_{ARCH}.deb", f"treadle_{VERSION}_{ARCH}.spdx.json", f"treadle-dev_{VERSION}_{ARCH}.deb",
             f"treadle-{VERSION}-linux-{ARCH}.tar.gz", f"treadle-{VERSION}-linux-{ARCH}.spdx.json",
             f"treadle-{VERSION}-py3-none-manylinux_{glibc[0]}_{glibc[1]}_{PYTHON_ARCH}.whl",
             f"treadle-{VERSION}-py3-none-any.whl", f"treadle-{VERSION}.tar.gz",
             f"treadle-{VERSION}.tgz", f"treadle-linux-{NODE_ARCH}-{VERSION}.tgz", f"treadle-go-v{VERSION}.zip", "SHA256SUMS"}
    assert {path.name for path in dist.iterdir()} == names
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist).stdout
    assert {line.split(":")[0] for line in checked.splitlines()} == names - {"SHA256SUMS"}

    prefix = f"treadle-{VERSION}-linux-{ARCH}/"
    with tarfile.open(dist / f"treadle-{VERSION}-linux-{ARCH}.tar.gz") as archive:
        members = archive.getmembers()
        program = archive.extractfile(prefix + "bin/treadle").read()
    assert program == Path(PROGRAM).read_bytes()
    inside = {member.name.removeprefix(prefix) for member in members}
    assert inside >= {"bin/treadle", "share/man/man1/treadle.1.gz", "lib/systemd/system/treadle.service",
                      "etc/treadle/treadle.toml", "LICENSE", "THIRD-PARTY.txt", "README.md"}
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {(0, 0, "", EPOCH)}
    sbom = json.loads((dist / f"treadle-{VERSION}-linux-{ARCH}.spdx.json").read_text())
    assert sbom["packages"][0]["checksums"][0]["checksumValue"] == hashlib.sha256(program).hexdigest()


def test_a_release_made_twice_is_the_same(packages, dist, tmp_path):
    release(packages, tmp_path / "dist")
    assert (tmp_path / "dist/SHA256SUMS").read_text() == (dist / "SHA256SUMS").read_text()


def test_a_program_that_loads_more_than_glibc_is_not_released(packages, tmp_path):
    shutil.copytree(packages, tmp_path / "packages")
    shutil.copy(BINARY, tmp_path / "packages/portable" / ARCH / "treadle")
    done = release(tmp_path / "packages", tmp_path / "dist", expect=1)
    assert "libstdc++.so.6" in done.stderr and "a portable program needs glibc only" in done.stderr


def pip(*words):
    ours = ROOT / "build/python/bin/python"  # scripts/setup.sh makes it; Debian's own Python may be without pip
    return run(ours if ours.exists() else "/usr/bin/python3", "-m", "pip", "--disable-pip-version-check", "--no-input", *words)


def test_the_wheel_installs_the_program_as_a_command(dist, tmp_path):
    [wheel] = dist.glob("*manylinux*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        record = archive.read(f"treadle-{VERSION}.dist-info/RECORD").decode().splitlines()
        assert {line.split(",")[0] for line in record} == set(archive.namelist())
        for name, digest, size in (line.rsplit(",", 2) for line in record[:-1]):
            content = archive.read(name)
            wanted = "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (wanted, len(content)), name
    pip("install", "--quiet", "--no-index", "--target", tmp_path / "here", wheel)
    program = tmp_path / "here/bin/treadle"
    assert program.read_bytes() == Path(PROGRAM).read_bytes()  # no Python starts before it
    assert run(program, "-c", "echo $1; exit 3", "_", "two words", expect=3).stdout == "two words\n"
    environment = dict(os.environ, PYTHONPATH=str(tmp_path / "here"))
    assert "MODULE:APP" in run(tmp_path / "here/bin/treadle-worker", "--help", env=environment).stdout
    assert run(sys.executable, "-c", "import treadle; print(treadle.__version__)", env=environment).stdout == f"{VERSION}\n"


def test_the_wheel_without_a_program_uses_that_of_the_path_or_says_where_to_get_it(dist, tmp_path):
    pip("install", "--quiet", "--no-index", "--target", tmp_path / "here", dist / f"treadle-{VERSION}-py3-none-any.whl")
    command = tmp_path / "here/bin/treadle"
    (tmp_path / "there").mkdir()
    shutil.copy(PROGRAM, tmp_path / "there/treadle")
    environment = {"PYTHONPATH": str(tmp_path / "here"), "PATH": str(tmp_path / "here/bin")}
    assert "PATH has no other treadle" in run(command, "start", expect=1, env=environment).stderr
    environment["PATH"] += f":{tmp_path / 'there'}"
    assert run(command, "-c", "exit 3", expect=3, env=environment)


def test_npm_installs_the_program_that_fits_the_machine(dist, tmp_path):
    (tmp_path / "package.json").write_text("{}")
    npm = ["npm", "install", "--offline", "--no-audit", "--no-fund", f"--cache={tmp_path / 'cache'}"]
    sdk, program = dist / f"treadle-{VERSION}.tgz", dist / f"treadle-linux-{NODE_ARCH}-{VERSION}.tgz"
    command = tmp_path / "node_modules/.bin/treadle"
    run(*npm, sdk, program, cwd=tmp_path)
    assert run(command, "-c", "echo $1; exit 3", "_", "two words", expect=3).stdout == "two words\n"
    assert run(command, "-c", "kill -TERM $$", expect=-15)
    (tmp_path / "main.mjs").write_text('import { marker } from "treadle"; console.log(marker);')
    assert run("node", "main.mjs", cwd=tmp_path).stdout == "7\n"

    with subprocess.Popen([command, "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        child.terminate()
        assert child.wait(20) == 5  # the program had the signal, and its exit status comes back

    shutil.rmtree(tmp_path / "node_modules/@treadle")
    path = os.path.dirname(shutil.which("node"))
    if not (Path(path) / "treadle").exists():
        assert f"@treadle/linux-{NODE_ARCH} is not installed" in run(command, "start", expect=1, env={"PATH": path}).stderr


def test_the_module_of_go_is_whole(dist, tmp_path):
    with zipfile.ZipFile(dist / f"treadle-go-v{VERSION}.zip") as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)
    tracked = run("git", "ls-files", "*.go", "go.mod", "README.md", cwd=ROOT / "sdk/go").stdout.split()
    module = f"treadle@v{VERSION}"
    assert names == {f"{module}/{each}" for each in [*tracked, "LICENSE"]}
    (tmp_path / module).rename(tmp_path / "sdk")  # go 1.19 takes what follows an @ for a version
    (tmp_path / "main").mkdir()
    shutil.copy(tmp_path / "sdk/examples/resize/main.go", tmp_path / "main")
    (tmp_path / "main/go.mod").write_text(f"module main\n\ngo 1.19\n\nrequire treadle v{VERSION}\n\nreplace treadle => ../sdk\n")
    assert "treadle" in run("go", "list", "-deps", ".", cwd=tmp_path / "main").stdout.splitlines()


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
