"""docs/operations.md says what the code does: its examples can be used, its table of rules is that of the file."""

from __future__ import annotations

import re
from pathlib import Path

from batch.checks import read_rules
from batch.pipeline import default_pipeline, read_pipeline
from batch.pipeline.declare import COMMAND
from facings.jobs_run import step_argv

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_pipeline_in_the_page_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(blocks("toml")[0])
    pipeline = read_pipeline(tmp_path / "p.toml")
    values = {**pipeline.parameters, "lake": "/shop", "run_id": "r", "today": "2026-03-01"}
    commands = [step_argv(step.filled(values), "/shop") for step in pipeline.steps]
    assert commands[0][-1:] == ["/data/uploads/today"]
    assert [step.kind for step in pipeline.steps].count(COMMAND) == 1


def test_the_rules_in_the_page_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(blocks("toml")[1])
    rules = {rule.name: rule for rule in read_rules(tmp_path / "rules.toml")}
    assert rules["device-silent"].limit == 48
    assert "unusable-share" not in rules
    assert "cola-everywhere" in rules


def test_the_table_of_rules_is_that_of_the_file() -> None:
    said = re.findall(r"^\| `([a-z-]+)` \| (warn|fail) \| .* \| (\S.*?) \|$", PAGE, re.MULTILINE)
    limits = {rule.name: "no rows" if rule.limit is None else f"{rule.limit:g}" for rule in read_rules()}
    assert said == [(rule.name, rule.level, limits[rule.name]) for rule in read_rules()]


def test_the_steps_in_the_page_are_the_default_ones() -> None:
    table = PAGE.split("| step |")[1].split("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z]+)`", row.split("|")[1])]
    assert named == [step.name for step in default_pipeline(["photos"], "localhost:9092").steps]
    for step in default_pipeline(["photos"], "localhost:9092").steps:
        assert step_argv(step, "/shop")[3] == step.kind  # each is a subcommand of this release


def test_the_schedules_in_python_are_python() -> None:
    for text in blocks("python"):
        compile(text, "docs/operations.md", "exec")
    assert len(blocks("python")) == 2
