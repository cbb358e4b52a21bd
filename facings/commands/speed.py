"""Commands of the speed layer: archive and score read a topic, expire takes away what batch covers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.console import configure_logging, print_json, print_table, say
from facings.logs import configure_service_logging
from facings.options import JsonOption, LakeOption, MaxRejected, VerboseOption, clock, end, example, open_lake
from facings.settings import from_environment
from facings.stopping import stop_on_signals

app = typer.Typer()

BrokersOption = Annotated[
    str, typer.Option("--brokers", metavar="HOST:PORT,…", help="Brokers to begin with.", envvar="FACINGS_KAFKA_BROKERS")
]
TopicOption = Annotated[str, typer.Option(help="Topic of the events.")]
SecurityOption = Annotated[str, typer.Option(help="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")]
CaOption = Annotated[Path | None, typer.Option(help="Authority that signed the brokers' certificates, PEM.")]
CertOption = Annotated[Path | None, typer.Option(help="Own certificate, PEM, where brokers ask for one.")]
KeyOption = Annotated[Path | None, typer.Option(help="Key of the own certificate, PEM.")]
MechanismOption = Annotated[str, typer.Option(help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")]
UserOption = Annotated[
    str | None, typer.Option("--username", help="User to log in as; the password is FACINGS_KAFKA_PASSWORD.")
]
InstanceOption = Annotated[
    str | None,
    typer.Option("--instance-id", help="Static member of the group: a quick restart keeps its partitions."),
]
CaughtUpOption = Annotated[
    bool, typer.Option("--until-caught-up", help="End at the offsets that the topic ends at now.")
]
GapOption = Annotated[
    bool, typer.Option("--accept-gap", help="Go on where the broker begins, though events before it are gone.")
]
PhotosOption = Annotated[
    list[str] | None,
    typer.Option(
        "--photos",
        metavar="FOLDER_OR_BUCKET",
        help="Where image_uri may lead: a folder, or s3://BUCKET/PATH (gs, abfs); http(s) needs none.",
        show_default="no files",
    ),
]
LingerOption = Annotated[
    float | None, typer.Option(min=0, help="Seconds to gather events for one commit.", show_default=False)
]
MetricsPort = Annotated[int | None, typer.Option(help="Serve /metrics and /healthz there; 0 takes a free port.")]
MetricsHost = Annotated[str, typer.Option(help="Address that metrics are served on.")]


@app.command(
    epilog=example(
        "facings archive --brokers localhost:9092 --lake shop",
        "facings archive --brokers localhost:9092 --photos uploads/ --until-caught-up --lake shop",
    )
)
def archive(
    brokers: BrokersOption,
    lake: LakeOption = None,
    topic: TopicOption = "captures",
    group: Annotated[str, typer.Option(help="Consumer group; its members share the partitions.")] = "facings-archive",
    dead_letters: Annotated[
        str | None, typer.Option(help="Topic for refused events.", show_default="TOPIC.dead-letters")
    ] = None,
    photos: PhotosOption = None,
    instance_id: InstanceOption = None,
    until_caught_up: CaughtUpOption = False,
    accept_gap: GapOption = False,
    linger: LingerOption = None,
    security: SecurityOption = "PLAINTEXT",
    ca_file: CaOption = None,
    cert_file: CertOption = None,
    key_file: KeyOption = None,
    mechanism: MechanismOption = "SCRAM-SHA-512",
    username: UserOption = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    max_rejected: MaxRejected = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take every event of a Kafka topic into master, each once. SIGTERM ends it in order."""
    stop = stop_on_signals()  # before what takes its time to load
    from facings.jobs_speed import Consume, run_archive

    configure_service_logging(verbose)
    settings = from_environment()
    given = Consume(
        brokers, topic, group, security, ca_file, cert_file, key_file, mechanism, username, instance_id,
        until_caught_up, accept_gap, photos or (), linger, metrics_host, metrics_port,
    )  # fmt: skip
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
def score(
    brokers: BrokersOption,
    lake: LakeOption = None,
    topic: TopicOption = "captures",
    group: Annotated[str, typer.Option(help="Consumer group; its members share the partitions.")] = "facings-score",
    sample_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of captures to score; it falls under lag and recovers.")
    ] = 1.0,
    expire_every: Annotated[
        float, typer.Option(min=0, help="Seconds between looking for rows that batch covers by now; 0 never does.")
    ] = 300.0,
    photos: PhotosOption = None,
    instance_id: InstanceOption = None,
    until_caught_up: CaughtUpOption = False,
    accept_gap: GapOption = False,
    linger: LingerOption = None,
    security: SecurityOption = "PLAINTEXT",
    ca_file: CaOption = None,
    cert_file: CertOption = None,
    key_file: KeyOption = None,
    mechanism: MechanismOption = "SCRAM-SHA-512",
    username: UserOption = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Count every event of a Kafka topic, and score a sample of its photos within seconds. SIGTERM ends it in order."""
    stop = stop_on_signals()
    from facings.jobs_speed import Consume, run_score

    configure_service_logging(verbose)
    settings = from_environment()
    given = Consume(
        brokers, topic, group, security, ca_file, cert_file, key_file, mechanism, username, instance_id,
        until_caught_up, accept_gap, photos or (), linger, metrics_host, metrics_port,
    )  # fmt: skip
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
