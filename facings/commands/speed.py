"""Commands of the speed layer: archive and score read a topic, expire takes away what batch covers."""

from __future__ import annotations

from typing import Annotated

import typer

from facings.console import configure_logging, print_json, print_table, say
from facings.consuming import Consume, consuming
from facings.logs import configure_service_logging
from facings.options import JsonOption, LakeOption, MaxRejected, VerboseOption, clock, end, example, open_lake
from facings.settings import from_environment
from facings.stopping import stop_on_signals

app = typer.Typer()


@app.command(
    epilog=example(
        "facings archive --brokers localhost:9092 --lake shop",
        "facings archive --brokers localhost:9092 --photos uploads/ --until-caught-up --lake shop",
    )
)
@consuming(group="facings-archive")
def archive(
    given: Consume,
    lake: LakeOption = None,
    dead_letters: Annotated[
        str | None, typer.Option(help="Topic for refused events.", show_default="TOPIC.dead-letters")
    ] = None,
    max_rejected: MaxRejected = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take every event of a Kafka topic into master, each once. SIGTERM ends it in order."""
    stop = stop_on_signals()  # before what takes its time to load
    from facings.jobs_speed import run_archive

    configure_service_logging(verbose)
    settings = from_environment()
    report = run_archive(
        open_lake(lake, settings, create=True), given, settings, clock(settings), stop, dead_letters=dead_letters
    )
    if json:
        print_json({name: value for name, value in vars(report).items() if name != "began"})
    else:
        say(
            f"{report.events:,} events: {report.ok:,} ok, {report.skipped:,} skipped, {report.rejected:,} rejected, "
            f"in {report.batches:,} commits and {report.seconds:.1f} s"
        )
    end(report.rejected, max_rejected)


@app.command(
    epilog=example(
        "facings score --brokers localhost:9092 --lake shop",
        "facings score --brokers localhost:9092 --sample-rate 0.1 --metrics-port 9101 --lake shop",
    )
)
@consuming(group="facings-score")
def score(
    given: Consume,
    lake: LakeOption = None,
    sample_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of captures to score; it falls under lag and recovers.")
    ] = 1.0,
    expire_every: Annotated[
        float, typer.Option(min=0, help="Seconds between looking for rows that batch covers by now; 0 never does.")
    ] = 300.0,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Count every event of a Kafka topic, and score a sample of its photos within seconds. SIGTERM ends it in order."""
    stop = stop_on_signals()
    from facings.jobs_speed import run_score

    configure_service_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings, create=True)
    report = run_score(
        opened, given, settings, clock(settings), stop, sample_rate=sample_rate, expire_every_s=expire_every
    )
    if json:
        print_json({name: value for name, value in vars(report).items() if name != "began"})
    else:
        say(
            f"{report.events:,} events: {report.sampled:,} scored, {report.rejected:,} rejected, "
            f"in {report.batches:,} commits and {report.seconds:.1f} s"
        )


@app.command(epilog=example("facings expire --lake shop"))
def expire(lake: LakeOption = None, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Take away the realtime rows that the batch views cover, and put what stays into few files."""
    from speed.expire import expire as expire_rows

    configure_logging(verbose)
    done = expire_rows(open_lake(lake, from_environment()))
    if json:
        print_json({"tables": done})
    else:
        rows = [vars(one) for one in done]
        print_table("Realtime tables", rows, right=[name for name in rows[0] if name != "table"])
