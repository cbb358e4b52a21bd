"""Who may see what, and what leaves the page as a file."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from serving import export
from serving.access import AccessError, Policy, load_policy

POLICY = Policy("roles", {"manager": ("*",), "north": ("north-gate", "elm-park")})


@pytest.mark.parametrize(
    "claims,stores",
    [
        ({"roles": ["manager"]}, None),
        ({"roles": "manager"}, None),
        ({"roles": ["north"]}, ("elm-park", "north-gate")),
        ({"roles": ["north", "manager"]}, None),
        ({"roles": ["*"]}, ()),  # a role's name is no store
        ({"roles": ["unheard-of"]}, ()),
        ({"roles": {"north": True}}, ()),
        ({"roles": [1, None, ["north"]]}, ()),
        ({"roles": None}, ()),
        ({}, ()),
    ],
)
def test_claims_limit_stores(claims, stores):
    assert POLICY.stores(claims) == stores


def test_the_policy_is_read_from_the_file_of_the_sign_in(tmp_path: Path):
    path = tmp_path / "access.toml"
    path.write_text('[auth]\nclient_id = "x"\n[access]\nclaim = "groups"\n[access.roles]\nboss = ["*"]\n')
    assert load_policy(path) == Policy("groups", {"boss": ("*",)})


@pytest.mark.parametrize(
    "text",
    ["", "[auth]\n", "[access]\n", "[auth]\n[access.roles]\nboss = '*'\n", "[auth]\n[access]\nroles = 3\n", "not toml"],
)
def test_a_file_that_does_not_say_who_sees_what_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "access.toml"
    path.write_text(text)
    with pytest.raises(AccessError, match=r"access\.toml"):
        load_policy(path)


ROWS = pd.DataFrame(
    {
        "sku": ["=1+1", "@cmd", "cola", None],
        "facings": [1.0, 2.0, 3.0, None],
        "at": pd.to_datetime(["2026-03-01T12:00Z"] * 4, utc=True),
    }
)


def test_text_in_a_file_is_no_formula():
    found = pd.read_csv(io.BytesIO(export.as_csv(ROWS)), dtype=str)
    assert list(found["sku"][:3]) == ["'=1+1", "'@cmd", "cola"]


def test_parquet_keeps_types_and_values():
    found = pq.read_table(io.BytesIO(export.as_parquet(ROWS))).to_pandas()
    pd.testing.assert_frame_equal(found, ROWS, check_dtype=False)
    assert str(found["at"].dt.tz) == "UTC"


def test_xlsx_holds_text_as_text():
    import zipfile

    book = zipfile.ZipFile(io.BytesIO(export.as_xlsx(ROWS)))
    sheet, texts = book.read("xl/worksheets/sheet1.xml"), book.read("xl/sharedStrings.xml")
    assert b"<f>" not in sheet
    assert b"<t>=1+1</t>" in texts
