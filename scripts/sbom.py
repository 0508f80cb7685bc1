#!/usr/bin/python3
"""Writes a bill of materials of a built treadle: SPDX 2.3 as JSON, on stdout.

    sbom.py PROGRAM --version 0.1.0 [--commit HASH] [--epoch SECONDS] [--arch arm64] [--portable] [--notices]

What the program loads is asked of ldd, what was compiled in stands in packages.txt with the words "compiled in" at the
end of its line; with --portable "loaded, or compiled in" counts as well. --notices writes the licenses of what was compiled
in instead, as they must accompany the program. Versions and licences are those of the Debian packages on this machine; Debian
gives those of all architectures the same. The program may be for another one. The same program, arguments and
packages give the same text. Standard library only.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent / "packages.txt"
COMPILED_IN = re.compile(r"^build\s+(\S+)\s.*; (loaded, or )?compiled in$", re.M)
PRODUCT = "SPDXRef-treadle"
# Debian's short names for licenses that have another name in SPDX.
SPDX_NAMES = {"Expat": "MIT", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause",
              "GPL-2+": "GPL-2.0-or-later", "GPL-2": "GPL-2.0-only", "LGPL-2.1+": "LGPL-2.1-or-later"}
SAME_NAMES = {"MIT", "Apache-2.0", "BSL-1.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "CC0-1.0"}


def machine():
    return output_of("dpkg", "--print-architecture").strip()


def output_of(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


def loaded_libraries(program, arch):
    """The files that the dynamic linker loads, by the name that it looks for. The kernel's own object is not a file.
    A portable program for another machine loads glibc (sdk_packages.py refuses one that loads more)."""
    found = {}
    if arch != machine():
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output_of("readelf", "-d", program))
        return {name: output_of("gcc", "-print-file-name=libc.so.6").strip() for name in needed}
    for line in output_of("ldd", program).splitlines():
        if "not found" in line:
            sys.exit(f"sbom: {line.strip()}; the program's libraries must be installed")
        name, _, path = line.strip().rpartition("=> ")
        path = path.rsplit(" (", 1)[0]
        if path.startswith("/"):
            found[name.strip() or Path(path).name] = path
    return found


def package_of(path):
    """The Debian package that owns a file. Debian 12 merged /lib into /usr, and packages use either name."""
    real = str(Path(path).resolve())
    places = dict.fromkeys([path, "/usr" + path, real, real.removeprefix("/usr")])
    done = subprocess.run(["dpkg-query", "-S", *places], text=True, capture_output=True, check=False)
    owners = [line.split(": ", 1)[0] for line in done.stdout.splitlines() if not line.startswith("diversion ")]
    if not owners:
        sys.exit(f"sbom: no Debian package owns {path}")
    return owners[0].split(",")[0].split(":")[0]


def facts_of(package):
    fields = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage")
    text = output_of("dpkg-query", "-W", "-f=" + "\\t".join(f"${{{field}}}" for field in fields) + "\\n", package)
    return dict(zip(fields, text.splitlines()[0].split("\t")))


def licence_of(package):
    """The license of the package's main files according to Debian: the SPDX name, or Debian's own name if SPDX has
    none."""
    path = Path("/usr/share/doc") / package / "copyright"
    text = path.read_text(errors="replace") if path.exists() else ""
    if not text.startswith("Format:"):
        return "NOASSERTION", None
    paragraph = re.search(r"^Files:\s*\*(.*?)(?:\n\s*\n|\Z)", text, re.M | re.S)
    word = paragraph and re.search(r"^License:[ \t]*(\S[^\n]*)$", paragraph.group(1), re.M)
    if not word:
        return "NOASSERTION", None
    name = SPDX_NAMES.get(word.group(1).strip(), word.group(1).strip())
    return (name, None) if name in SAME_NAMES or name in SPDX_NAMES.values() else ("NOASSERTION", name)


def system():
    """Debian's name and release, as package URLs require them."""
    pairs = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    name = pairs.get("ID", "debian").strip('"')
    return name, f"{name}-{pairs.get('VERSION_ID', '').strip(chr(34))}"


def purl_of(facts, arch):
    distribution, release = system()
    qualifiers = {"arch": "all" if facts["Architecture"] == "all" else arch, "distro": release}
    if facts["source:Package"] != facts["Package"]:
        qualifiers["upstream"] = facts["source:Package"]
    return (f"pkg:deb/{distribution}/{facts['Package']}@{urllib.parse.quote(facts['Version'], safe='~')}?"
            + "&".join(f"{key}={urllib.parse.quote(value)}" for key, value in sorted(qualifiers.items())))


def library(package, arch):
    """A Debian package as a package of SPDX."""
    facts = facts_of(package)
    licence, debians_word = licence_of(package)
    return {
        "SPDXID": "SPDXRef-deb-" + re.sub(r"[^A-Za-z0-9.-]", "-", package),
        "name": package,
        "versionInfo": facts["Version"],
        "primaryPackagePurpose": "LIBRARY",
        "supplier": f"Organization: {system()[0].capitalize()}",
        "downloadLocation": "NOASSERTION",
        **({"homepage": facts["Homepage"]} if facts["Homepage"] else {}),
        "sourceInfo": f"built from the source package {facts['source:Package']} {facts['source:Version']}",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        **({"licenseComments": f"The package's copyright file says: {debians_word}"} if debians_word else {}),
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl_of(facts, arch)}],
    }


def product(program, version, commit):
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    return {
        "SPDXID": PRODUCT,
        "name": "treadle",
        "versionInfo": version,
        "primaryPackagePurpose": "APPLICATION",
        "supplier": "Organization: Treadle's developers",
        "downloadLocation": "NOASSERTION",
        **({"sourceInfo": f"built from the commit {commit}"} if commit else {}),
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:generic/treadle@{urllib.parse.quote(version)}"}],
    }


def relation(kind, other, comment):
    return {"spdxElementId": PRODUCT, "relationshipType": kind, "relatedSpdxElement": other["SPDXID"], "comment": comment}


def compiled_in(portable):
    """The Debian packages of which the program contains something."""
    found = COMPILED_IN.findall(PACKAGES.read_text())
    return sorted({package for package, only_portable in found if portable or not only_portable})


def notices(portable):
    """The copyright files of those packages. Boost's license asks for none with a program; its file names every header."""
    parts = ["What is compiled into this program, and on which terms. Treadle itself: see LICENSE.\n"]
    for package in compiled_in(portable):
        path = Path("/usr/share/doc") / package / "copyright"
        text = path.read_text(errors="replace")
        if licence_of(package)[0] == "BSL-1.0":
            text = "Boost Software License 1.0, which asks for no notice with a compiled program.\n"
        parts.append(f"{'=' * 80}\n{package} {facts_of(package)['Version']} (Debian)\n\n{text}")
    return "\n".join(parts)


def document(options):
    program, version, commit, epoch, arch = options.program, options.version, options.commit, options.epoch, options.arch
    main = product(program, version, commit)
    files = {}
    for name, path in loaded_libraries(program, arch).items():
        files.setdefault(package_of(path), []).append(name)
    loaded = [(library(package, arch), names) for package, names in sorted(files.items())]
    inside = [library(package, arch) for package in compiled_in(options.portable)]
    digest = main["checksums"][0]["checksumValue"]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"treadle-{version}",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{version} {commit} {epoch} {digest}')}",
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
                         "creators": ["Organization: Treadle's developers", "Tool: sbom.py"]},
        "packages": [main, *(each for each, _ in loaded), *inside],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": PRODUCT},
            *(relation("DYNAMIC_LINK", each, "loads " + ", ".join(sorted(names))) for each, names in loaded),
            *(relation("STATIC_LINK", each, "compiled in: headers, or an archive") for each in inside)],
    }


def main():
    parser = argparse.ArgumentParser(prog="sbom.py", description="Writes a bill of materials of a built treadle.")
    parser.add_argument("program")
    parser.add_argument("--version", required=True)
    parser.add_argument("--commit", default="", help="that it was built from")
    parser.add_argument("--epoch", type=int, default=int(time.time()), help="when, in seconds (default now)")
    parser.add_argument("--arch", default=machine(), help="Debian's name of what it is for (default: this machine's)")
    parser.add_argument("--portable", action="store_true", help="it loads glibc only (ninja treadle_portable)")
    parser.add_argument("--notices", action="store_true", help="write the licenses of what was compiled in")
    arguments = parser.parse_args()
    if arguments.notices:
        sys.stdout.write(notices(arguments.portable))
        return
    print(json.dumps(document(arguments), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
