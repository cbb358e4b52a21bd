"""What archive and score are both told on the command line: where the topic is, who reads it, and how."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


@dataclass(frozen=True, kw_only=True)
class Consume:
    """What a person says of a service. Each field is an option of the commands that `consuming` makes."""

    brokers: Annotated[
        str,
        typer.Option(metavar="HOST:PORT,…", help="Brokers to begin with.", envvar="FACINGS_KAFKA_BROKERS"),
    ]
    topic: Annotated[str, typer.Option(help="Topic of the events.")] = "captures"
    group: Annotated[str, typer.Option(help="Consumer group; its members share the partitions.")]
    photos: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER_OR_BUCKET",
            help="Where image_uri may lead: a folder, or s3://BUCKET/PATH (gs, abfs); http(s) needs none.",
            show_default="no files",
        ),
    ] = None
    instance_id: Annotated[
        str | None, typer.Option(help="Static member of the group: a quick restart keeps its partitions.")
    ] = None
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End at the offsets that the topic ends at now.")
    ] = False
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="Go on where the broker begins, though events before it are gone.")
    ] = False
    linger_s: Annotated[
        float | None,
        typer.Option("--linger", min=0, help="Seconds to gather events for one commit.", show_default=False),
    ] = None
    security: Annotated[str, typer.Option(help="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")] = "PLAINTEXT"
    ca_file: Annotated[Path | None, typer.Option(help="Authority that signed the brokers' certificates, PEM.")] = None
    cert_file: Annotated[Path | None, typer.Option(help="Own certificate, PEM, where brokers ask for one.")] = None
    key_file: Annotated[Path | None, typer.Option(help="Key of the own certificate, PEM.")] = None
    mechanism: Annotated[str, typer.Option(help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")] = "SCRAM-SHA-512"
    username: Annotated[str | None, typer.Option(help="User to log in as; the password is FACINGS_KAFKA_PASSWORD.")] = (
        None
    )
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics and /healthz there; 0 takes a free port.")
    ] = None
    metrics_host: Annotated[str, typer.Option(help="Address that metrics are served on.")] = "127.0.0.1"


def consuming(group: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of `Consume` in the place of its parameter `given`, `group` by default."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints, keyword = get_type_hints(Consume, include_extras=True), inspect.Parameter.KEYWORD_ONLY
        shared = []
        for field in fields(Consume):
            default = group if field.name == "group" else field.default
            default = inspect.Parameter.empty if default is MISSING else default
            shared.append(inspect.Parameter(field.name, keyword, default=default, annotation=hints[field.name]))
        options: list[inspect.Parameter] = []
        for own in inspect.signature(command, eval_str=True).parameters.values():
            options += shared if own.name == "given" else [own.replace(kind=keyword)]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = Consume(**{option.name: values.pop(option.name) for option in shared})
            command(given=given, **values)

        run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # which typer reads
        run.__annotations__ = {option.name: option.annotation for option in options}
        return run

    return decorate
