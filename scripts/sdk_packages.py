#!/usr/bin/python3
"""Writes the packages of the SDKs: Python wheels and sdist, npm tarballs, the zip of the Go module.

    sdk_packages.py DIST --javascript DIR [--program amd64=FILE] [--program arm64=FILE] [--notices FILE] [--epoch SECONDS]

A wheel and an npm package of each --program carry the server's program: `pip install` and `npm install` then give `treadle`. A
program may load glibc and nothing else; which glibc it needs becomes the wheel's tag. The wheel for any platform has none.
--javascript is the compiled sdk/typescript/src, --notices the licenses of what the programs contain. The same files and epoch
give the same bytes. Standard library only. Prints the names of what it wrote.
"""

import argparse
import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GLIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# Debian's name of an architecture, and those of Python, of Node and of readelf.
ARCHITECTURES = {"amd64": ("x86_64", "x64", "X86-64"), "arm64": ("aarch64", "arm64", "AArch64")}


def fail(why):
    sys.exit(f"sdk_packages: {why}")


def readelf(program, *flags):
    return subprocess.run(["readelf", "-W", *flags, program], text=True, capture_output=True, check=True).stdout


def glibc_of(program, architecture):
    """The oldest glibc that has all that the program asks of it, as "2.34". Ends with an error if it asks for more than glibc."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf(program, "-d")))
    if needed - GLIBC:
        fail(f"{program} needs {', '.join(sorted(needed - GLIBC))}; a portable program needs glibc only (ninja treadle_portable)")
    machine = re.search(r"Machine:\s+(.*)", readelf(program, "-h")).group(1)
    if ARCHITECTURES[architecture][2] not in machine:
        fail(f"{program} is for {machine}, not for {architecture}")
    versions = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", readelf(program, "-V"))
    return ".".join(map(str, max((int(major), int(minor)) for major, minor in versions)))


class Files(dict):
    """Contents by name, in an archive's order. Those in `programs` are executable."""

    def __init__(self, *pairs):
        super().__init__(*pairs)
        self.programs = set()

    def add_program(self, name, path):
        self[name] = Path(path).read_bytes()
        self.programs.add(name)

    def add_tree(self, folder, prefix, *patterns):
        """Those files below a folder whose names match, without what tools leave there."""
        for pattern in patterns:
            for path in sorted(Path(folder).rglob(pattern)):
                if "__pycache__" not in path.parts and "node_modules" not in path.parts:
                    self[prefix + path.relative_to(folder).as_posix()] = path.read_bytes()

    def mode(self, name):
        return 0o755 if name in self.programs else 0o644

    def write_zip(self, path, epoch):
        date = time.gmtime(max(epoch, 315532800))[:6]  # a zip knows no time before 1980
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in self.items():
                entry = zipfile.ZipInfo(name, date)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, whoever makes it: the mode counts
                entry.external_attr = (0o100000 | self.mode(name)) << 16
                archive.writestr(entry, content)

    def write_tar(self, path, epoch, prefix):
        with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
            with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for name, content in self.items():
                    entry = tarfile.TarInfo(f"{prefix}/{name}")
                    entry.size, entry.mtime, entry.mode = len(content), epoch, self.mode(name)
                    archive.addfile(entry, io.BytesIO(content))


class Release:
    """What all packages have in common."""

    def __init__(self, options):
        self.dist = Path(options.dist)
        self.epoch = options.epoch
        self.javascript = Path(options.javascript)
        self.license = (ROOT / "LICENSE").read_bytes()
        self.notices = Path(options.notices).read_bytes() if options.notices else None
        self.programs = {}
        for each in options.program:
            architecture, _, path = each.partition("=")
            if architecture not in ARCHITECTURES or not path:
                fail(f"--program {each}: write one of {', '.join(ARCHITECTURES)}, =, and the file")
            self.programs[architecture] = (path, glibc_of(path, architecture))
        self.python = tomllib.loads((ROOT / "sdk/python/pyproject.toml").read_text())["project"]
        text = (ROOT / "sdk/python/treadle/__init__.py").read_text()
        self.version = re.search(r'^__version__ = "(.+)"$', text, re.M).group(1)
        self.package_json = json.loads((ROOT / "sdk/typescript/package.json").read_text())

    def licenses(self, files, prefix):
        """Ours, and with a program those of what is in it."""
        files[prefix + "LICENSE"] = self.license
        if files.programs and self.notices:
            files[prefix + "THIRD-PARTY.txt"] = self.notices


def python_metadata(release):
    project = release.python
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {release.version}", f"Summary: {project['description']}",
             f"License: {project['license']['text']}", *(f"Classifier: {each}" for each in project["classifiers"]),
             f"Requires-Python: {project['requires-python']}", "Description-Content-Type: text/markdown", "License-File: LICENSE", ""]
    return ("\n".join(lines) + "\n" + (ROOT / "sdk/python" / project["readme"]).read_text()).encode()


def entry_points(release, has_program):
    """The commands and the plugin. Where the wheel has the program, that is `treadle`, and no command of Python."""
    groups = {"console_scripts": dict(release.python["scripts"]), **release.python["entry-points"]}
    if has_program:
        del groups["console_scripts"]["treadle"]
    return "\n".join(f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in entries.items())
                     for group, entries in groups.items()).encode()


def write_wheel(release, architecture=None):
    platform = "any"
    files = Files()
    files.add_tree(ROOT / "sdk/python/treadle", "treadle/", "*.py", "py.typed")
    if architecture:
        program, glibc = release.programs[architecture]
        platform = f"manylinux_{glibc.replace('.', '_')}_{ARCHITECTURES[architecture][0]}"
        files.add_program(f"treadle-{release.version}.data/scripts/treadle", program)
    info = f"treadle-{release.version}.dist-info/"
    release.licenses(files, info)
    pure = "false" if architecture else "true"
    files[info + "METADATA"] = python_metadata(release)
    files[info + "WHEEL"] = f"Wheel-Version: 1.0\nGenerator: treadle\nRoot-Is-Purelib: {pure}\nTag: py3-none-{platform}\n".encode()
    files[info + "entry_points.txt"] = entry_points(release, architecture)
    files[info + "top_level.txt"] = b"treadle\n"
    files[info + "RECORD"] = record(files, info + "RECORD")
    name = f"treadle-{release.version}-py3-none-{platform}.whl"
    files.write_zip(release.dist / name, release.epoch)
    return name


def record(files, itself):
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return ("".join(lines) + f"{itself},,\n").encode()


def write_sdist(release):
    files = Files({"PKG-INFO": python_metadata(release)})
    for name in ("README.md", "pyproject.toml"):
        files[name] = (ROOT / "sdk/python" / name).read_bytes()
    files.add_tree(ROOT / "sdk/python/treadle", "treadle/", "*.py", "py.typed")
    release.licenses(files, "")
    name = f"treadle-{release.version}.tar.gz"
    files.write_tar(release.dist / name, release.epoch, f"treadle-{release.version}")
    return name


def json_file(value):
    return (json.dumps(value, indent=2) + "\n").encode()


def write_npm_program(release, architecture):
    program, glibc = release.programs[architecture]
    node = ARCHITECTURES[architecture][1]
    files = Files({"package.json": json_file({
        "name": f"@treadle/linux-{node}",
        "version": release.package_json["version"],
        "description": f"The program of the Treadle task queue for Linux, {node}, glibc {glibc} or newer.",
        "license": release.package_json["license"],
        "os": ["linux"], "cpu": [node], "libc": ["glibc"],
        "files": ["bin"],
        "preferUnplugged": True})})
    files["README.md"] = f"The program `treadle` for Linux ({node}, glibc {glibc} or newer). The package `treadle` runs it.\n".encode()
    files.add_program("bin/treadle", program)
    release.licenses(files, "")
    name = f"treadle-linux-{node}-{release.package_json['version']}.tgz"
    files.write_tar(release.dist / name, release.epoch, "package")
    return name


def write_npm(release):
    """The SDK, and `treadle` of bin/. npm installs that package of a program which fits the machine."""
    package = {key: value for key, value in release.package_json.items() if key not in ("scripts", "devDependencies")}
    names = (f"@treadle/linux-{ARCHITECTURES[each][1]}" for each in release.programs)
    package["optionalDependencies"] = {name: package["version"] for name in names}
    if not (release.javascript / "index.js").exists():
        fail(f"{release.javascript} has no index.js; compile sdk/typescript into it")
    files = Files({"package.json": json_file(package)})
    files["README.md"] = (ROOT / "sdk/typescript/README.md").read_bytes()
    files["bin/treadle.js"] = (ROOT / "sdk/typescript/bin/treadle.js").read_bytes()
    files.add_tree(release.javascript, "dist/", "*.js", "*.d.ts")
    release.licenses(files, "")
    name = f"treadle-{package['version']}.tgz"
    files.write_tar(release.dist / name, release.epoch, "package")
    return name


def write_go(release):
    """As a module proxy serves it: everything below MODULE@VERSION/."""
    module = re.search(r"^module (\S+)$", (ROOT / "sdk/go/go.mod").read_text(), re.M).group(1)
    files = Files()
    files.add_tree(ROOT / "sdk/go", f"{module}@v{release.version}/", "go.mod", "*.go", "README.md")
    release.licenses(files, f"{module}@v{release.version}/")
    name = f"treadle-go-v{release.version}.zip"
    files.write_zip(release.dist / name, release.epoch)
    return name


def main():
    parser = argparse.ArgumentParser(prog="sdk_packages.py", description="Writes the packages of the SDKs.")
    parser.add_argument("dist")
    parser.add_argument("--version", help="of the release; the SDKs must have the same")
    parser.add_argument("--javascript", required=True, metavar="DIR", help="the compiled SDK for TypeScript")
    parser.add_argument("--program", action="append", default=[], metavar="ARCH=FILE")
    parser.add_argument("--notices", metavar="FILE", help="licenses of what the programs contain")
    parser.add_argument("--epoch", type=int, default=int(time.time()), help="dates all files, in seconds (default now)")
    options = parser.parse_args()
    release = Release(options)
    versions = {"sdk/python/treadle/__init__.py": release.version, "sdk/typescript/package.json": release.package_json["version"]}
    for place, version in versions.items():
        if options.version not in (None, version):
            fail(f"{place} has version {version}, the release {options.version}; they must be the same")
    written = [write_wheel(release, each) for each in release.programs] + [write_wheel(release), write_sdist(release)]
    written += [write_npm_program(release, each) for each in release.programs] + [write_npm(release), write_go(release)]
    print("\n".join(written))


if __name__ == "__main__":
    main()
