"""Broken and hostile plugins, each installed by pip: the others go on, and the message says who.

The plugins are wheels in a folder of their own that a subprocess sees on its path, so that what
runs is real discovery of real distributions in a real process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile

import pytest

HEAD = "from srbench.contract import BuildContext, LossSpec, MetricSpec, hookimpl\n"

SPEC = """
def spec(name, build, **fields):
    given = dict(version=1, summary="hostile", task="none", backbone="none", license="MIT")
    return LossSpec(name=name, build=build, **{{**given, **fields}})

@hookimpl
def srbench_losses():
    return [spec({name!r}, build)]
"""

PIXEL = """
def build(ctx, params):
    import torch
    class Pixel(torch.nn.Module):
        def forward(self, sr, hr):
            return (sr.float() - hr.detach().float()).abs().mean()
    return Pixel()
"""


def loss(name, build=PIXEL, top=""):
    return HEAD + top + build + SPEC.format(name=name)


PLUGINS = {
    "good-plugin": loss("good"),
    "imports-missing": loss("import-error", top="import a_module_that_nobody_has\n"),
    "wrong-syntax": "def srbench_losses(:\n",
    "wants-arguments": HEAD + "@hookimpl\ndef srbench_losses(config):\n    return []\n",
    "misspells-hook": HEAD + "@hookimpl\ndef srbench_loses():\n    return []\n",
    "wrong-type": HEAD + "@hookimpl\ndef srbench_losses():\n    return ['vgg16']\n",
    "not-a-list": HEAD + "@hookimpl\ndef srbench_losses():\n    return None\n",
    "bad-name": loss("Not Kebab"),
    "raises-in-hook": HEAD + "@hookimpl\ndef srbench_losses():\n    raise KeyError('oops')\n",
    "raises-late": HEAD + "@hookimpl\ndef srbench_losses():\n    yield 1 / 0\n",
    "exits-on-import": loss("exits", top="import sys\nsys.exit(3)\n"),
    "exits-in-hook": HEAD + "@hookimpl\ndef srbench_losses():\n    raise SystemExit(0)\n",
    "dies-on-import": loss("dies-early", top="import os\nos._exit(0)\n"),
    "dies-in-hook": HEAD + "import os\n@hookimpl\ndef srbench_losses():\n    os._exit(0)\n",
    "raises-base": loss("base", top="raise BaseException('bottom')\n"),
    "raises-generator-exit": loss("generator", top="raise GeneratorExit\n"),
    "cannot-be-told": loss(
        "untold",
        top="class Mute(Exception):\n    def __str__(self):\n        raise SystemExit(0)\n"
        "raise Mute\n",
    ),
    "forks": loss(
        "forks",
        top="import os\npid = os.fork()\nif pid == 0:\n    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7\n",
    ),
    "prints-on-import": loss("prints", top='print(\'{"not": "json"}\')\n'),
    "duplicate-one": loss("twice"),
    "duplicate-two": loss("twice"),
    "from-the-future": (
        HEAD + PIXEL + SPEC.format(name="future").replace("build)]", "build, api_version=99)]")
    ),
    "gives-nan": loss("nan", PIXEL.replace(".mean()", ".mean() * float('nan')")),
    "trains-itself": loss(
        "trains",
        """
def build(ctx, params):
    import torch
    class Trains(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))
        def forward(self, sr, hr):
            return self.weight * (sr.float() - hr.detach().float()).abs().mean()
    return Trains()
""",
    ),
    "hangs-on-build": loss(
        "hangs", "def build(ctx, params):\n    import time\n    time.sleep(100000)\n"
    ),
    "exits-on-build": loss("exits-late", "def build(ctx, params):\n    raise SystemExit('bye')\n"),
    "dies-on-build": loss("dies", "def build(ctx, params):\n    import os\n    os._exit(5)\n"),
    "prints-on-build": loss(
        "chatty", PIXEL.replace("    return Pixel()", "    print('{}')\n    return Pixel()")
    ),
}

FAILED = {
    "imports-missing": "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    "wrong-syntax": "SyntaxError",
    "wants-arguments": "config",
    "misspells-hook": "unknown hook 'srbench_loses'",
    "wrong-type": "expected LossSpec objects, got 'vgg16'",
    "not-a-list": "expected an iterable of LossSpec, got None",
    "bad-name": "expected a kebab-case loss name",
    "raises-in-hook": "KeyError: 'oops'",
    "raises-late": "ZeroDivisionError",
    "exits-on-import": "SystemExit: 3",
    "exits-in-hook": "SystemExit: 0",
    "dies-on-import": "PluginExited: it called os._exit(0)",
    "dies-in-hook": "PluginExited: it called os._exit(0)",
    "raises-base": "BaseException: bottom",
    "raises-generator-exit": "GeneratorExit",
    "cannot-be-told": "Mute: its message cannot be made: SystemExit",
}


def module_of(distribution):
    return "hostile_" + distribution.replace("-", "_")


def write_wheel(folder, distribution, source):
    """The smallest wheel that pip installs."""
    stem = distribution.replace("-", "_") + "-1.0"
    info = f"{stem}.dist-info"
    files = {
        f"{module_of(distribution)}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[srbench]\nmain = {module_of(distribution)}\n",
    }
    record = [f"{name},sha256={_digest(text)},{len(text.encode())}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip installed all of :data:`PLUGINS`."""
    wheels = tmp_path_factory.mktemp("wheels")
    folder = tmp_path_factory.mktemp("site")
    paths = [str(write_wheel(wheels, name, source)) for name, source in PLUGINS.items()]
    # --no-compile: pip would stop at the plugin whose syntax is wrong.
    flags = ["--no-deps", "--no-index", "--no-compile", "-q", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, *paths], check=True)
    return folder


@pytest.fixture
def srbench(site):
    """Runs the command line with the plugins installed."""

    def run(*arguments, only=None, timeout=300):
        environment = dict(os.environ)
        environment.pop("SRBENCH_PLUGINS", None)
        if only is not None:
            environment["SRBENCH_PLUGINS"] = only
        return subprocess.run(
            [sys.executable, "-c", "from srbench.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**environment, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        )

    return run


@pytest.fixture(scope="module")
def plugins(site):
    result = subprocess.run(
        [sys.executable, "-c", "from srbench.cli import main; main()", "plugins", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    return {item["distribution"]: item for item in json.loads(result.stdout)}


@pytest.mark.parametrize("distribution", FAILED)
def test_a_broken_plugin_is_named_with_its_error(distribution, plugins):
    plugin = plugins[distribution]
    assert plugin["state"] == "failed"
    assert FAILED[distribution] in plugin["error"]
    assert plugin["error"].split(":")[0] in plugin["traceback"]
    assert plugin["losses"] == []


def test_the_others_keep_working(plugins):
    states = {name: plugins[name]["state"] for name in PLUGINS if name not in FAILED}
    odd = {"duplicate-one": "duplicate", "duplicate-two": "duplicate"}
    odd["from-the-future"] = "incompatible"
    assert states == {name: odd.get(name, "ok") for name in states}
    assert plugins["good-plugin"]["losses"] == ["good"]


def test_losses_are_json_alone_and_each_broken_plugin_is_a_warning(srbench):
    result = srbench("losses", "--json")
    assert result.returncode == 0, result.stderr
    names = [item["name"] for item in json.loads(result.stdout)]
    assert {"good", "l1", "vgg16-random", "prints", "nan"} <= set(names)
    assert {"duplicate-one:twice", "duplicate-two:twice"} <= set(names)
    assert not {"twice", "future", "import-error", "exits"} & set(names)
    for distribution in [*FAILED, "duplicate-one", "duplicate-two", "from-the-future"]:
        warnings = [line for line in result.stderr.splitlines() if f"of {distribution} 1.0" in line]
        assert len(warnings) == 1, distribution
        assert warnings[0].startswith("warning: plugin 'main'")
    assert '{"not": "json"}' in result.stderr  # what the plugin printed went there


def run_beside(tmp_path, name, source, *arguments):
    """The command line with that one plugin beside srbench's own."""
    write_wheel(tmp_path, name, source)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    return subprocess.run(
        [sys.executable, "-c", "from srbench.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "SRBENCH_PLUGINS": name},
    )


def test_a_plugin_whose_import_hangs_is_named_with_the_way_round_it(tmp_path):
    source = "import time\ntime.sleep(6)\n" + loss("slow")
    done = run_beside(tmp_path, "hangs-on-import", source, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    states = {p["distribution"]: p["state"] for p in json.loads(done.stdout)}
    assert states["hangs-on-import"] == "ok"
    assert "still loading the plugin hangs-on-import:main after 5 s" in done.stderr
    assert "srbench -p no:hangs-on-import" in done.stderr


NOISE = """
import atexit, os, subprocess, threading, time
print("by print")
os.write(1, b"by descriptor")
subprocess.run(["echo", "by a child"])
atexit.register(print, "finally")
atexit.register(os.write, 1, b"at exit by descriptor")
def talk():
    while True:
        os.write(1, b"by a thread")
        time.sleep(0.001)
threading.Thread(target=talk, daemon=True).start()
"""


def test_json_is_alone_on_stdout_whoever_writes_there(tmp_path):
    done = run_beside(tmp_path, "noisy", loss("loud", top=NOISE), "losses", "--json")
    assert done.returncode == 0, done.stderr
    assert "loud" in {item["name"] for item in json.loads(done.stdout)}
    for words in ("by print", "by descriptor", "by a child", "finally", "at exit", "by a thread"):
        assert words in done.stderr


def test_a_blocked_plugin_is_not_even_imported(srbench):
    result = srbench("-p", "no:prints-on-import", "losses", "--json")
    assert result.returncode == 0
    assert '{"not": "json"}' not in result.stderr
    assert "prints" not in {item["name"] for item in json.loads(result.stdout)}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("import-error", ["imports-missing", "No module named 'a_module_that_nobody_has'"]),
        ("twice", ["duplicate-one:twice", "duplicate-two:twice"]),
        ("imports-missing", ["imports-missing 1.0", "failed", "a_module_that_nobody_has"]),
        ("from-the-future", ["from-the-future 1.0", "incompatible", "upgrade srbench"]),
    ],
)
def test_asking_for_a_broken_loss_names_the_distribution(name, words, srbench):
    result = srbench("check", name)
    assert result.returncode == 2
    assert result.stdout == ""
    error = result.stderr[result.stderr.index("error: ") :]
    for word in words:
        assert word in error
    assert "Traceback" not in result.stderr


def check(srbench, name, *options):
    result = srbench("check", name, "--json", *options)
    report = json.loads(result.stdout)  # fails if a plugin got a word in
    assert report["loss"] == name
    assert result.returncode == (0 if report["passed"] else 1)
    return {item["name"]: (item["outcome"], item["detail"]) for item in report["checks"]}


@pytest.mark.slow
def test_a_good_plugin_passes_in_this_company(srbench):
    outcomes = check(srbench, "good")
    assert {outcome for outcome, _ in outcomes.values()} == {"passed"}
    assert len(outcomes) > 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "failing", "message"),
    [
        ("nan", "finite-scalar", "got nan"),
        ("trains", "stays-frozen", "requires_grad=True for weight"),
        ("exits-late", "builds", "SystemExit: bye"),
        ("dies", "builds", "status 5"),
        ("chatty", "prints-nothing", "nothing on stdout, got '{}'"),
    ],
)
def test_a_hostile_loss_fails_its_check(name, failing, message, srbench):
    outcome, detail = check(srbench, name, "--only", "builds", "--only", failing)[failing]
    assert outcome == "failed"
    assert message in detail


@pytest.mark.slow
def test_a_loss_that_hangs_on_build_is_ended(srbench):
    outcomes = check(
        srbench, "hangs", "--time-limit", "12", "--only", "builds", "--only", "odd-sizes"
    )
    assert outcomes["builds"][0] == "failed"
    assert "within 12 s" in outcomes["builds"][1]
    assert outcomes["odd-sizes"][0] == "skipped"
