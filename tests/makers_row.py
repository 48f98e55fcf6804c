"""Rows of every kind, for laws that hold for all of them."""

from hypothesis import strategies as st

from cxrview.rows import ROTATIONS, Row
from cxrview.views import Agreement, Verdict, View

# As os.fsdecode gives them: any Unicode, and bytes that are no UTF-8 as lone surrogates.
letters = st.characters(exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]
)
strange = st.sampled_from(['"', ",", "\n", "\r", "\\", "\\x80", "\\x5c", "\0", "'", "=", "\u2028"])
names = st.lists(letters | strange, max_size=12).map("".join)
whole = st.none() | st.integers(1, 2**31 - 1)
shares = st.floats(0, 1)


def classified() -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        file=names,
        frame=whole,
        view=st.sampled_from(Verdict),
        p_lateral=shares,
        p_chest=shares,
        rotation=st.none() | st.sampled_from(ROTATIONS),
        inverted=st.none() | st.booleans(),
        header_view=st.none() | st.sampled_from(View),
        header_source=names,
        agreement=st.sampled_from(Agreement),
        warning=names,
        reason=names,
        width=whole,
        height=whole,
        model=names,
    )


def unreadable() -> st.SearchStrategy[Row]:
    return st.builds(Row, file=names, error=names.filter(bool), model=names)


rows = classified() | unreadable()


def a_row(file: str = "a.png", view: str = "frontal", p: float = 0.01, **more: object) -> Row:
    return Row(file=file, view=Verdict(view), p_lateral=p, p_chest=1.0, **more)


def a_failure(file: str = "a.png", error: str = "damaged: it breaks off") -> Row:
    return Row(file=file, error=error)
