import pytest

from srbench.errors import PluginError, UnknownName
from srbench.host import Registry, discover

from .conftest import GOOD, Install


def state(registry: Registry, distribution: str) -> str:
    return next(p.state for p in registry.plugins if p.distribution == distribution)


def error(registry: Registry, distribution: str) -> str:
    return next(p.error for p in registry.plugins if p.distribution == distribution)


def test_a_good_plugin_is_found_with_its_distribution(install: Install) -> None:
    install("good-dist", GOOD.format(name="good-loss"))
    registry = discover()
    loss = registry.loss("good-loss")
    assert (loss.distribution, loss.version, loss.plugin) == ("good-dist", "1.0", "plugin")
    assert registry.loss("good-dist:good-loss") is loss


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import does_not_exist_anywhere", "does_not_exist_anywhere"),
        ("def broken(:\n    pass", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        (
            "from srbench.contract import hookimpl\n@hookimpl\n"
            "def srbench_losses(wrong): return []",
            "wrong",
        ),
        (
            "from srbench.contract import hookimpl\n@hookimpl\ndef srbench_loses(): return []",
            "srbench_loses",
        ),
        (
            "from srbench.contract import hookimpl\n@hookimpl\ndef srbench_losses(): return ['x']",
            "'x'",
        ),
        (
            "from srbench.contract import hookimpl\n@hookimpl\ndef srbench_losses(): return 7",
            "iterable",
        ),
        (
            "from srbench.contract import hookimpl\n@hookimpl\n"
            "def srbench_losses(): raise RuntimeError('inside the hook')",
            "inside the hook",
        ),
    ],
)
def test_a_broken_plugin_fails_alone_and_says_why(install: Install, source: str, said: str) -> None:
    install("broken-dist", source)
    install("good-dist", GOOD.format(name="good-loss"))
    registry = discover()
    assert state(registry, "broken-dist") == "failed"
    assert said in error(registry, "broken-dist")
    assert "good-loss" in registry.losses
    assert "l1" in registry.losses


def test_a_lazily_raising_hook_is_still_inside_the_try(install: Install) -> None:
    source = """
        from srbench.contract import hookimpl
        @hookimpl
        def srbench_losses():
            yield from ()
            raise RuntimeError("late")
    """
    install("lazy-dist", source)
    assert "late" in error(discover(), "lazy-dist")


def test_a_missing_loss_names_the_broken_plugin_that_may_have_had_it(install: Install) -> None:
    install("broken-dist", "import does_not_exist_anywhere")
    with pytest.raises(PluginError, match="broken-dist"):
        discover().loss("its-loss")


def test_an_unknown_loss_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'charbonnier'"):
        discover().loss("charbonier")


def test_duplicates_are_reachable_by_distribution_only(install: Install) -> None:
    install("first-dist", GOOD.format(name="same"))
    install("second-dist", GOOD.format(name="same"))
    registry = discover()
    assert state(registry, "first-dist") == state(registry, "second-dist") == "duplicate"
    assert "first-dist and second-dist" in error(registry, "second-dist")
    assert registry.loss("second-dist:same").distribution == "second-dist"
    assert {"first-dist:same", "second-dist:same"} <= set(registry.losses)
    with pytest.raises(PluginError, match="first-dist:same, second-dist:same"):
        registry.loss("same")


def test_a_newer_contract_is_incompatible(install: Install) -> None:
    install("new-dist", GOOD.format(name="new").replace("version=1", "version=1, api_version=99"))
    registry = discover()
    assert state(registry, "new-dist") == "incompatible"
    assert "upgrade srbench" in error(registry, "new-dist")
    assert "new" not in registry.losses


@pytest.mark.parametrize("name", ["good-dist", "Good_Dist"])
def test_blocking_by_name(install: Install, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install("good-dist", GOOD.format(name="good-loss"))
    monkeypatch.setenv("SRBENCH_PLUGINS", f"no:{name}")
    registry = discover()
    assert state(registry, "good-dist") == "blocked"
    assert "good-loss" not in registry.losses


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("no:good-dist", "blocked"), ("other", "blocked"), ("", "blocked"), ("good-dist", "ok")],
)
def test_blocking_by_environment(
    install: Install, monkeypatch: pytest.MonkeyPatch, setting: str, expected: str
) -> None:
    install("good-dist", GOOD.format(name="good-loss"))
    monkeypatch.setenv("SRBENCH_PLUGINS", setting)
    registry = discover()
    assert state(registry, "good-dist") == expected
    assert "l1" in registry.losses  # srbench's own stay


def test_what_a_plugin_prints_goes_to_stderr(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("loud-dist", "print('hello from the plugin')\n" + "pass")
    discover()
    captured = capsys.readouterr()
    assert "hello" not in captured.out
    assert "hello" in captured.err


def test_damaged_metadata_takes_nothing_down(install: Install, tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    info = tmp_path / "site" / "ruined-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_bytes(b"\xff\xfe\x00 not metadata")
    (info / "entry_points.txt").write_text("[srbench\nplugin == ==\n")
    install("good-dist", GOOD.format(name="good-loss"))
    assert "good-loss" in discover().losses


def test_a_loss_whose_plugin_is_not_installed_says_how_to_add_it() -> None:
    registry = Registry([], [], [])
    with pytest.raises(UnknownName, match="expected the name of a loss, got 'vgg16'") as info:
        registry.loss("vgg16")
    assert "pip install ./plugins/NAME" in str(info.value.fix)


def test_a_loss_whose_plugin_may_be_blocked_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_PLUGINS", "no:srbench-classification")
    with pytest.raises(PluginError, match=r"Blocked .* srbench-classification") as info:
        discover().loss("vgg16")
    assert "SRBENCH_PLUGINS" in str(info.value.fix)
