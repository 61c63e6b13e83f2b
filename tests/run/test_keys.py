import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.run.keys import content_key

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_order_of_keys_does_not_matter(document: dict[str, object]) -> None:
    backwards = dict(reversed(list(document.items())))
    assert content_key(document) == content_key(backwards)


@given(st.dictionaries(st.text(), st.integers(), min_size=1), st.data())
def test_every_value_matters(document: dict[str, int], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    assert content_key(document) != content_key({**document, name: document[name] + 1})


def test_nan_has_no_key() -> None:
    with pytest.raises(ValueError, match="JSON"):
        content_key({"x": float("nan")})
