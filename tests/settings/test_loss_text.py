"""One way to write a loss with parameters, for every command that takes one."""

import json
import tomllib

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from srbench.cli import cli
from srbench.errors import UserError
from srbench.settings.loss_text import parse_loss
from srbench.settings.toml_text import toml_value


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("vgg16", {}),
        ("vgg16,tap=conv4_3", {"tap": "conv4_3"}),
        ("dist:vgg16, tap = conv4_3 ,scale=0.5", {"tap": "conv4_3", "scale": 0.5}),
        ("x,taps={a=1,b=0.5},on=true", {"taps": {"a": 1, "b": 0.5}, "on": True}),
        ('x,names=["a,b", "c"],n=1_000', {"names": ["a,b", "c"], "n": 1000}),
        ("x,model=resnet50.a1_in1k", {"model": "resnet50.a1_in1k"}),
    ],
)  # fmt: skip
def test_names_and_values(text: str, params: dict[str, object]) -> None:
    name, found = parse_loss(text)
    assert name == text.partition(",")[0]
    assert found == params


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), VALUES, max_size=4))
def test_every_value_of_toml_comes_back(params: dict[str, object]) -> None:
    text = ",".join(["loss", *(f"{key}={toml_value(value)}" for key, value in params.items())])
    expected = {key: tomllib.loads(f"x = {toml_value(v)}")["x"] for key, v in params.items()}
    assert parse_loss(text) == ("loss", expected)


@pytest.mark.parametrize("text", ["", ",tap=x", "vgg16,tap", "vgg16,=x", "vgg16,a=1,a=2"])
def test_mistakes_are_told(text: str) -> None:
    with pytest.raises(UserError, match="expected"):
        parse_loss(text)


def test_plan_and_probe_and_check_and_losses_read_it_alike(tmp_path) -> None:
    """Each tells of the same wrong value of one parameter, in the same words."""
    wrong = "vgg16,tap=conv9_9"
    where = ["quick", "--out", str(tmp_path), "--no-probe"]
    said = [
        run("plan", *where, "--loss", wrong),
        run("probe", wrong),
        run("losses", wrong),
    ]
    for result in said:
        assert result.exit_code == 2, result.output
        assert "loss 'vgg16': tap:" in result.output
        assert "conv9_9" in result.output


def test_a_loss_with_parameters_is_a_row(tmp_path) -> None:
    where = ["quick", "--out", str(tmp_path), "--no-probe", "--json"]
    losses = ["vgg16,tap=conv4_3", "vgg16,tap=conv5_3,distance=l1", "vgg16,tap=conv5_3"]
    planned = run("plan", *where, *(word for loss in losses for word in ("--loss", loss)))
    document = json.loads(planned.stdout)
    labels = {job["label"] for job in document["jobs"] if job["kind"] == "adversarial"}
    # the second is the suite's own row; the third has another distance than the row of that label
    assert labels >= {"vgg16-conv4_3", "vgg16-conv5_3", "vgg16-tap=conv5_3"}
    assert "vgg16-conv5_3-l1" not in labels


def test_losses_describes_one_with_its_parameters() -> None:
    said = run("losses", "wavelet-l1").output
    assert "levels: integer, at least 1, at most 4; default 2" in said
    assert "how often the frequencies are halved" in said
    assert "taps: " in run("losses", "gram").output
    document = json.loads(run("losses", "wavelet-l1", "--json").output)
    assert [key["name"] for key in document["params"]] == ["levels", "approximation"]
    assert "did you mean 'wavelet-l1'" in run("losses", "wavelet").output
