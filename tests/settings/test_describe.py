"""`srbench suites` and docs/suites.md: what the schema has, and nothing else."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from srbench.cli import cli
from srbench.settings import load_suite, parse_suite
from srbench.settings.describe import TOP, suite_keys
from srbench.settings.published import suite_schema, suite_tables

PAGE = Path(__file__).parents[2] / "docs" / "suites.md"
BEGIN, END = "<!-- suite keys: begin -->\n", "<!-- suite keys: end -->"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


def test_the_page_has_the_tables_of_the_schema() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == suite_tables().strip(), (
        "put srbench.settings.published.suite_tables() between the markers of docs/suites.md"
    )


def test_no_key_of_the_schema_is_left_out_and_each_says_what_it_is() -> None:
    schema, keys = suite_schema(), suite_keys()
    listed = {key.name for key in keys[TOP]} | set(keys) - {TOP, "loss.sum"}
    assert listed == set(schema["properties"])
    parts = schema["$defs"]
    for section, name in [("data", "Data"), ("adversarial", "Adversarial"), ("loss", "LossEntry")]:
        assert [key.name for key in keys[section]] == list(parts[name]["properties"])
        required = {key.name for key in keys[section] if key.default == "required"}
        assert required == set(parts[name].get("required", ()))
    silent = [f"{s}.{k.name}" for s, found in keys.items() for k in found if not k.meaning]
    assert silent == ["generator.blocks", "generator.channels"]  # of the generator that is named


def test_a_default_is_what_a_suite_gets_that_leaves_the_key_out() -> None:
    suite = load_suite("quick")
    by_name = {key.name: key for key in suite_keys()["adversarial"]}
    for name in ("learning_rate", "betas", "gamma", "random_offset", "pixel_loss"):
        default = tomllib.loads(f"x = {by_name[name].default}")["x"]
        written = json.loads(suite.model_dump_json())["adversarial"]
        assert name == "learning_rate" or written[name] == default


def test_the_example_of_the_page_is_a_suite() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (example,) = [block for block in blocks if block.startswith("schema = 1")]
    assert parse_suite(example).name == "my-suite"


def test_a_mistake_is_told_with_line_and_key_and_without_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = run("suites", "show", "quick").output
    wrong = text.replace("batch_size = 16", "batch_size = 0").replace("tap = ", "tapp = ")
    file.write_text(wrong.replace("iterations = 400", "").replace("every =", "evry ="))
    lines = file.read_text().splitlines()
    done = run("plan", str(file), "--no-probe")
    assert done.exit_code == 2
    said = done.output
    at = 1 + lines.index("batch_size = 0")
    assert f"line {at}, data.batch_size: " in said
    assert (
        f"line {1 + lines.index('[warm_start]')}, warm_start.iterations: expected a value" in said
    )
    assert f"line {1 + lines.index('evry = 100')}, validation: expected a known key" in said
    assert "did you mean 'every'" in said
    assert len(said) < 600
    assert "srbench suites keys" in said


def test_the_second_of_several_losses_is_told_by_its_own_line() -> None:
    text = run("suites", "show", "quick").output
    lines = text.replace('label = "vgg16-relu2_2"', 'label = "no spaces"').splitlines()
    at = 1 + lines.index('label = "no spaces"')
    with pytest.raises(ValueError, match=rf"line {at}, loss.1"):
        parse_suite("\n".join(lines))


def test_a_new_suite_is_another_ones_text_under_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert run("suites", "new", "mine", "--from", "pretext-cpu", "--out", str(file)).exit_code == 0
    made = load_suite(str(file))
    assert (made.name, made.version) == ("mine", 1)
    assert made.loss == load_suite("pretext-cpu").loss
    assert "#" in file.read_text()
    again = run("suites", "new", "mine", "--out", str(file))
    assert again.exit_code == 2
    assert "which exists" in again.output
    assert run("suites", "new", "Mine!", "--out", str(tmp_path / "x.toml")).exit_code == 2
    assert not (tmp_path / "x.toml").exists()


def test_show_with_defaults_is_the_same_suite(tmp_path: Path) -> None:
    file = tmp_path / "full.toml"
    file.write_text(run("suites", "show", "quick", "--defaults").output)
    assert load_suite(str(file)) == load_suite("quick")
    assert "random_offset = 0" in file.read_text()


def test_list_names_what_run_finds() -> None:
    said = run("suites", "list").output
    assert "quick  (version 2, calibrated, 1 seed)" in said
    found = json.loads(run("suites", "list", "--json").output)
    assert {"quick", "pretext-cpu"} <= {suite["name"] for suite in found}


def test_a_page_of_the_documentation_is_at_hand() -> None:
    assert run("docs", "suites").output == PAGE.read_text()
    assert "write-a-loss" in run("docs").output
    assert "did you mean 'suites'" in run("docs", "suite").output
