"""Pipelines as data: what a file may say, and what is wrong with one that can't be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.pipeline import PipelineError, Step, default_pipeline, read_pipeline
from batch.pipeline.declare import COMMAND, parse_pipeline
from facings.jobs_run import step_argv

FULL = """
[run]
retry = 2
retry_wait_s = 0.5
time_limit_s = 60
on_error = "continue"
notify = ["https://hooks.example.com/x", ["page", "-v"]]
[params]
day = 1
[[step]]
kind = "ingest"
sources = ["a", "$day"]
max_rejected = 3
retry = 0
[[step]]
name = "job"
command = ["spark-submit", "job.py", "$day", "$where"]
inputs = ["views/crops"]
time_limit_s = 5
on_error = "stop"
"""


def test_a_file_says_everything(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(FULL)
    found = read_pipeline(tmp_path / "p.toml")
    assert (found.retry, found.retry_wait_s, found.time_limit_s, found.on_error) == (2, 0.5, 60, "continue")
    assert found.notify == ("https://hooks.example.com/x", ("page", "-v"))
    ingest, job = found.steps
    assert ingest == Step("ingest", "ingest", {"sources": ["a", "$day"], "max_rejected": 3}, retry=0)
    command = ("spark-submit", "job.py", "$day", "$where")
    assert job == Step("job", COMMAND, {}, command, ("views/crops",), None, 5, "stop")
    filled = found.with_parameters({"where": "x y"})
    assert filled.steps[1].filled(filled.parameters).command == ("spark-submit", "job.py", "1", "x y")
    with pytest.raises(PipelineError, match="no parameter 'dya'; did you mean day"):
        found.with_parameters({"dya": "2"})
    with pytest.raises(PipelineError, match="the run sets it itself"):
        found.with_parameters({"lake": "elsewhere"})


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no steps"),
        ("[[step]]", "step 1 has no kind"),
        ("[[step]]\nkind = 'command'", "command is a list"),
        ("[[step]]\ncommand = 'rm -rf /'", "command is a list"),
        ("[[step]]\ncommand = ['a']\nviews = ['crops']", "a command has no views"),
        ("[[step]]\nkind = 'rebuild'\n[[step]]\nkind = 'rebuild'", "two steps are named 'rebuild'"),
        ("[[step]]\nkind = 'rebuild'\nname = 'A/b'", "name 'A/b' must be small letters"),
        ("[[step]]\nkind = 'rebuild'\ninputs = ['views/crop']", "no table 'views/crop'; did you mean views/crops"),
        ("[[step]]\nkind = 'rebuild'\nretry = -1", "retry = -1 must be a whole number"),
        ("[[step]]\nkind = 'rebuild'\ntime_limit_s = true", "time_limit_s = True must be a number"),
        ("[[step]]\nkind = 'rebuild'\non_error = 'ignore'", "must be 'stop' or 'continue'"),
        ("[run]\nretires = 3\n[[step]]\nkind = 'rebuild'", "'retires' is not known; did you mean retry"),
        ("[params]\nlake = 'x'\n[[step]]\nkind = 'rebuild'", "parameter 'lake'"),
        ("[[step]\nkind", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(PipelineError, match=words) as caught:
        read_pipeline(tmp_path / "p.toml")
    assert "p.toml" in str(caught.value)


def test_a_step_is_known_by_what_it_does_not_by_its_limits() -> None:
    def fingerprint(parameters: dict[str, str] = {"a": "1", "b": "2"}, **step: object) -> str:  # noqa: B006  # read
        return Step("x", "export", {"view": "crops", "to": "$a", **step}).fingerprint(parameters)

    assert fingerprint() == Step("y", "export", {"to": "$a", "view": "crops"}, retry=3).fingerprint({"a": "1"})
    assert len({fingerprint(), fingerprint(view="quality"), fingerprint({"a": "3"})}) == 3


def tail(kind: str, **options: object) -> list[str]:
    return step_argv(Step("x", kind, options), "/shop")[3:]


def test_a_subcommand_gets_its_options_by_their_names() -> None:
    assert tail("rebuild", views=["crops", "quality"], full=True, max_rejected=0) == [
        *("rebuild", "--full", "--max-rejected", "0", "--lake", "/shop", "--json", "--", "crops", "quality")
    ]
    assert tail("export", view="crops", to="-x.csv", format="csv", force=False) == [
        *("export", "--to", "-x.csv", "--format", "csv", "--lake", "/shop", "--json", "--", "crops")
    ]
    assert tail("rejected list", reason="late")[:4] == ["rejected", "list", "--reason", "late"]


@pytest.mark.parametrize(
    "kind, options, words",
    [
        ("rebuild", {"enginee": "spark"}, "rebuild has no option 'enginee'; did you mean engine"),
        ("rebuild", {"lake": "/other"}, "no option 'lake'"),
        ("rebuild", {"full": "yes"}, "full = 'yes' must be true or false"),
        ("export", {"view": ["a", "b"], "to": "x"}, "must be a text or a number"),
        ("ingest", {}, "ingest needs sources"),
        ("rejected", {}, "say which: rejected list"),
        ("rebiuld", {}, "'rebiuld' is not available in this release; did you mean rebuild"),
        ("run", {}, "'run' is not available"),
        ("serve", {}, "'serve' is not available"),
    ],
)
def test_a_subcommand_that_can_not_be_called_so_is_named(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        tail(kind, **options)


def test_the_default_takes_in_rebuilds_and_looks_after() -> None:
    kinds = [step.kind for step in default_pipeline(["photos"], "localhost:9092").steps]
    assert kinds == ["ingest", "archive", "rebuild", "expire", "optimise", "vacuum", "expect"]
    assert "ingest" not in [step.kind for step in default_pipeline().steps]


def test_a_service_as_a_step_ends_when_it_has_caught_up() -> None:
    (step,) = parse_pipeline({"step": [{"kind": "archive", "brokers": "localhost:9092"}]}).steps
    assert step_argv(step, "/shop")[3:] == [
        *("archive", "--until-caught-up", "--brokers", "localhost:9092", "--lake", "/shop", "--json")
    ]


def test_a_step_needs_no_name_of_its_own() -> None:
    assert parse_pipeline({"step": [{"kind": "rejected list"}]}).steps[0].name == "rejected-list"
