"""Every page over a small lake with a known story: its figures, filters and empty states."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from lake import Lake

PAGES = ("overview", "inventory", "throughput", "quality", "captures", "rejected", "runs")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.markdown, app.caption, app.info, app.error, app.code) for e in kind)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_draws_without_an_error(open_page, lake: Lake, page: str):
    app = open_page(lake.storage.root, page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == page.capitalize()
    assert "02 Mar 2026 11:55 UTC" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_lake_says_what_to_run(open_page, tmp_path, page: str):
    Lake.open(tmp_path, create=True)
    app = open_page(str(tmp_path), page)
    assert not app.exception
    assert f"facings ingest PHOTOS --lake {tmp_path}" in words(app)


def test_a_missing_lake_says_what_to_run(open_page, tmp_path):
    app = open_page(str(tmp_path / "nowhere"))
    assert not app.exception
    assert "There is no lake here" in words(app)


def test_a_lake_without_views_says_what_to_run(open_page, tmp_path, shop):
    built = Lake.open(tmp_path, create=True)
    import pyarrow as pa

    from lake.parquet import conform
    from schemas.tables import CAPTURES

    rows = [{**row, "ingest_date": shop.END.date()} for row in shop.rows()["master/captures"]]
    built.append_new("master/captures", conform(pa.Table.from_pylist(rows, CAPTURES.schema), CAPTURES.schema))
    for page in PAGES:
        app = open_page(str(tmp_path), page)
        assert not app.exception, page
        assert "facings rebuild" in words(app) or page == "rejected", page


@pytest.mark.parametrize("page", PAGES)
def test_a_window_without_rows_has_no_traceback(open_page, lake: Lake, page: str):
    app = open_page(lake.storage.root, page, device="cooler-9", store="nowhere", range="6h")
    assert not app.exception


def test_overview_ranks_the_blind_camera_before_the_empty_shelf(open_page, lake: Lake):
    app = open_page(lake.storage.root)
    assert figures(app)["Availability"] == "91.7 %"  # 11 of 12 planned SKUs have a facing
    assert figures(app)["Out of stock"] == "1"
    assert figures(app)["Captures, 24 h"] == "96"
    assert figures(app)["Usable, 24 h"] == "93.8 %"  # 90 of 96
    assert figures(app)["Refused"] == "3"
    text = words(app).replace("\\", "")
    assert text.index("cooler-2: the last 6 photos can't be used") < text.index(
        "cola is out at cooler-1: 0 of 3 facings"
    )
    assert "since 02 Mar 09:55" in text
    assert "south: 48 of 48 captures arrived late" in text


def test_filters_in_the_url_limit_every_figure(open_page, lake: Lake):
    assert figures(open_page(lake.storage.root, store="south"))["Captures, 24 h"] == "48"
    assert figures(open_page(lake.storage.root, store="south"))["Out of stock"] == "0"
    assert figures(open_page(lake.storage.root, "throughput", device="cooler-3"))["Captures"] == "24"
    assert (
        figures(open_page(lake.storage.root, "throughput", range="6h"))["Captures"] == "28"
    )  # 05:55 to 11:55, 4 devices


def test_a_change_of_filter_changes_the_figures(open_page, lake: Lake):
    app = open_page(lake.storage.root)
    app.multiselect(key="store").set_value(["north"]).run()
    assert figures(app)["Captures, 24 h"] == "48"


def test_untrusted_photos_leave_stock_unknown_and_never_zero(open_page, lake: Lake):
    app = open_page(lake.storage.root, "inventory", device="cooler-2", range="6h")
    assert figures(app)["Unknown"] == "0"  # 05:55 was still sharp
    app = open_page(lake.storage.root, "inventory", device="cooler-2")
    assert figures(app)["Out of stock"] == "0"


def test_captures_are_found_by_id_and_by_url(open_page, lake: Lake):
    app = open_page(lake.storage.root, "captures", q="c-cooler-1-05")
    assert len(app.dataframe[0].value) == 1
    app = open_page(lake.storage.root, "captures", capture="c-cooler-4-00", range="6h")
    assert "cooler-4 at 01 Mar 2026 12:55:00 UTC" in app.subheader[0].value.replace("\\", "")
    assert len(open_page(lake.storage.root, "captures", label="cola", device="cooler-1").dataframe[0].value) == 21


def test_rejected_names_the_remedy_and_shows_the_payload_inert(open_page, lake: Lake, shop):
    app = open_page(lake.storage.root, "rejected", reason="invalid-field")
    assert "A field has the wrong type" in words(app).replace("\\", "")
    assert any(code.value == shop.HOSTILE for code in app.code)


def test_no_text_from_a_device_is_rendered_as_markup(open_page, lake: Lake, shop):
    for page in PAGES:
        app = open_page(lake.storage.root, page)
        for element in (*app.markdown, *app.caption, *app.info, *app.subheader):
            assert shop.HOSTILE not in element.value
            assert not element.proto.allow_html if hasattr(element.proto, "allow_html") else True


def test_runs_account_for_every_row(open_page, lake: Lake):
    found = figures(open_page(lake.storage.root, "runs"))
    assert found["Unaccounted"] == "0"
    assert found["Steps"] == "5"
