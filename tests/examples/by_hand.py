"""What takes too long to install for CI: `./dev examples [NAME...]` runs this file. For each page of docs/coming-from/, the
original against its own server, and the port against Treadle: both must print the same lines. And the recipe for Next.js.

Servers and their clients are installed as `./dev peers` installs them, into build/peers; the rest into build/examples.
"""

import shutil
import sys

import ports
import pytest
from programs import BINARY, EXAMPLES, PYTHON, ROOT, Program, build_typescript_sdk, node_project, run
from test_recipes import check_reports, running

sys.path.insert(0, str(ROOT / "bench/peers"))

from contestants import CONTESTANTS, redis_server  # noqa: E402
from contestants.contestant import BUILT, find, install_packages  # noqa: E402
from processes import Children, listens, wait_until  # noqa: E402
import processes  # noqa: E402

INSTALLED = ROOT / "build/examples"
ORIGINALS = EXAMPLES / "coming-from"


@pytest.fixture
def children():
    all_of_them = Children()
    yield all_of_them
    all_of_them.end_all()


@pytest.fixture
def installed():
    """installed("celery"): the contestant of `./dev peers`, with all that it needs."""
    def install(name):
        BUILT.mkdir(parents=True, exist_ok=True)
        CONTESTANTS[name].install()
        return CONTESTANTS[name]

    return install


@pytest.fixture
def redis(tmp_path, children):
    """The URL of a Redis of the test's own."""
    BUILT.mkdir(parents=True, exist_ok=True)
    redis_server.install()
    home = tmp_path / "redis"
    home.mkdir()
    return f"redis://127.0.0.1:{redis_server.start(home, children, 'everysec').port}"


def npm_install(name):
    """The node_modules that the package.json in a folder of examples/ asks for."""
    place = INSTALLED / name
    place.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(EXAMPLES / name / file, place)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=place)
    return place / "node_modules"


def test_celery(installed, redis, tmp_path):
    installed("celery")
    python = BUILT / "celery/bin/python"
    original = ports.Port(ORIGINALS / "celery", [[python, "-m", "celery", "--app", "before", "worker"]], [python, "before.py"],
                          REDIS_URL=redis, PYTHONDONTWRITEBYTECODE="1")
    assert original.run(tmp_path) == ports.LINES


def test_bullmq(installed, redis, tmp_path):
    installed("bullmq")
    project = node_project(tmp_path / "project", [ORIGINALS / "bullmq/before.mjs"], BUILT / "bullmq/node_modules/bullmq")
    original = ports.Port(project, [["node", "before.mjs", "work"]], ["node", "before.mjs"], REDIS_URL=redis)
    assert original.run(tmp_path) == ports.LINES


def test_river(installed, children, tmp_path):
    home = tmp_path / "postgresql"
    home.mkdir()
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)  # PostgreSQL runs as a user of its own
    port = installed("river").start(home, children).port
    program = tmp_path / "orders"
    run("go", "build", "-o", program, ".", cwd=ORIGINALS / "river/before", GOFLAGS="-buildvcs=false")
    original = ports.Port(tmp_path, [[program, "work"]], [program], setup=[program, "migrate"],
                          DATABASE_URL=f"postgres://peers@127.0.0.1:{port}/postgres")
    assert original.run(tmp_path) == ports.LINES


def test_faktory(installed, children, tmp_path):
    home = tmp_path / "faktory"
    home.mkdir()
    server = installed("faktory").start(home, children)
    project = node_project(tmp_path / "project", [ORIGINALS / "faktory/before.mjs"], npm_install("coming-from/faktory") / "faktory-worker")
    original = ports.Port(project, [["node", "before.mjs", "work"]], ["node", "before.mjs"], results=False,
                          FAKTORY_URL=f"tcp://127.0.0.1:{server.port}")
    assert original.run(tmp_path, deadline_s=120) == ports.LINES  # its first retry comes after 15 to 45 s


def install_ruby():
    if not find("sidekiq"):
        install_packages("examples-ruby")


def test_sidekiq(redis, tmp_path):
    install_ruby()
    original = ports.Port(ORIGINALS / "sidekiq", [["sidekiq", "--require", "./before.rb"]], ["ruby", "before.rb"], results=False,
                          REDIS_URL=redis)
    assert original.run(tmp_path, deadline_s=120) == ports.LINES


def test_sidekiq_after(server, tmp_path):
    install_ruby()
    ids = run("ruby", "after.rb", cwd=ORIGINALS / "sidekiq", TREADLE_SERVER=server.url).split()
    workers = [Program(tmp_path / f"{type}.log", BINARY, "worker", "exec", type, "--", "ruby", "after.rb", cwd=ORIGINALS / "sidekiq",
                       TREADLE_SERVER=server.url) for type in ("Charge", "MailReceipt")]
    with workers[0], workers[1]:
        results = [server.run("task", "result", each, "--wait=30s").stdout.strip() for each in ids]
        assert [each.stop() for each in workers] == [0, 0]
    assert results == ports.LINES


def test_sqs(children, tmp_path):
    """Against moto, which plays SQS: the real one needs an account."""
    place = INSTALLED / "sqs"
    requirements = ORIGINALS / "sqs/requirements.txt"
    if not (place / "installed.txt").exists() or (place / "installed.txt").read_text() != requirements.read_text():
        run(PYTHON, "-m", "venv", place)
        run(place / "bin/pip", "install", "--quiet", "--requirement", requirements)
        shutil.copy(requirements, place / "installed.txt")
    port = processes.free_port()
    moto = children.start([place / "bin/moto_server", "-H", "127.0.0.1", "-p", port], tmp_path / "moto.log")
    wait_until(lambda: listens(port), moto, "moto_server")
    python = place / "bin/python"
    original = ports.Port(ORIGINALS / "sqs", [[python, "before.py", "work"]], [python, "before.py"], results=False,
                          AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x",
                          AWS_DEFAULT_REGION="us-east-1", PYTHONDONTWRITEBYTECODE="1")
    assert original.run(tmp_path, status=None) == ports.LINES


def test_nextjs(server, tmp_path):
    """Built for production and started; Next.js wants its packages below the project, so it is built where they are."""
    npm_install("recipes/nextjs")
    project = INSTALLED / "recipes/nextjs"
    for name in ("app", "lib"):
        shutil.copytree(EXAMPLES / "recipes/nextjs" / name, project / name, dirs_exist_ok=True)
    for name in ("next.config.mjs", "worker.mjs"):
        shutil.copy(EXAMPLES / "recipes/nextjs" / name, project)
    shutil.rmtree(project / "node_modules/treadle", ignore_errors=True)
    build_typescript_sdk(project / "node_modules/treadle")
    environment = {"TREADLE_SERVER": server.url, "NEXT_TELEMETRY_DISABLED": "1"}
    run(project / "node_modules/.bin/next", "build", cwd=project, **environment)
    with running(project, tmp_path, ["node", "worker.mjs"],
                 lambda port: [project / "node_modules/.bin/next", "start", "--hostname", "127.0.0.1", "--port", port], **environment) as web:
        check_reports(web, server, "/api/reports")
