"""The command `demo`: simulated stores, told at once or live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facings.console import bars, cell, configure_logging, print_json, print_table, say
from facings.options import JsonOption, LakeOption, VerboseOption, clock, example, instant, new_run_id, open_lake
from facings.settings import from_environment

app = typer.Typer()

LIVE = "Live"


def _burst(text: str) -> float:
    """The factor in a burst such as 20x. Wrong usage where it is none."""
    try:
        factor = float(text.lower().removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 1 <= factor <= 10_000:
        raise typer.BadParameter(f"{text!r}: give a factor such as 20x", param_hint="--burst")
    return factor


@app.command(
    epilog=example(
        "facings demo --lake .facings/demo",
        "facings demo --lake /tmp/demo --seed 3 --stores 2 --hours 24",
        "facings demo --live --lake .facings/demo --brokers 127.0.0.1:9092 --rate 50 --burst 20x",
        "facings demo --live --stack --lake .facings/demo --rate 2 --burst 20x",
        "facings demo --live --tiny --rate 0 --events 100000",
    )
)
def demo(
    lake: LakeOption = None,
    seed: Annotated[int, typer.Option(help="The same seed and time make the same stores.")] = 7,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End of the story, RFC 3339.", show_default="now")
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="Length of the story.")] = 48,
    stores: Annotated[int, typer.Option(min=1, max=50)] = 6,
    steps: Annotated[
        int, typer.Option(min=1, max=48, help="In how many rounds of ingest and rebuild to take it in.")
    ] = 4,
    live: Annotated[
        bool, typer.Option("--live", help="Send events to Kafka as devices do, until stopped.", rich_help_panel=LIVE)
    ] = False,
    brokers: Annotated[
        str, typer.Option(metavar="HOST:PORT,…", envvar="FACINGS_KAFKA_BROKERS", rich_help_panel=LIVE)
    ] = "127.0.0.1:9092",
    topic: Annotated[str, typer.Option(help="Created where it isn't there.", rich_help_panel=LIVE)] = "captures",
    rate: Annotated[
        float, typer.Option(min=0, help="Events a second; 0 sends as fast as it can.", rich_help_panel=LIVE)
    ] = 50,
    burst: Annotated[
        str, typer.Option(metavar="FACTORx", help="Times the rate in a burst; 1x has none.", rich_help_panel=LIVE)
    ] = "1x",
    burst_every: Annotated[float, typer.Option(min=1, help="Seconds from burst to burst.", rich_help_panel=LIVE)] = 60,
    burst_for: Annotated[float, typer.Option(min=0.1, help="Seconds that one lasts.", rich_help_panel=LIVE)] = 5,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after these.", show_default="never", rich_help_panel=LIVE)
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many.", show_default="never", rich_help_panel=LIVE)
    ] = None,
    resent: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of events that are sent again.", rich_help_panel=LIVE)
    ] = 0.02,
    bad: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of events that no contract allows.", rich_help_panel=LIVE)
    ] = 0.005,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Tiny photos inside the events: load without files.", rich_help_panel=LIVE)
    ] = False,
    stack: Annotated[
        bool,
        typer.Option("--stack", help="Bring up broker, services and dashboard beside them.", rich_help_panel=LIVE),
    ] = False,
    port: Annotated[int, typer.Option(help="Of the dashboard, with --stack.", rich_help_panel=LIVE)] = 8501,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Simulated stores with known truth: photos, door events, sales and faults, taken in and rebuilt round by round.

    With --live, their devices send to Kafka from now on, at a rate and with bursts of your choice.
    """
    configure_logging(verbose, quiet=True)  # the story's rejects are part of it: they are on the dashboard
    settings = from_environment()
    close = instant(until) if until else clock(settings)().replace(minute=0, second=0, microsecond=0)
    report: dict[str, Any]
    if live and stack:
        from facings.live import story_album
        from facings.stack import run_stack

        opened = open_lake(lake, settings, create=True)
        with bars() as progress:
            story_album(opened, seed, close, progress)
        sending = ["--rate", rate, "--burst", burst, "--burst-every", burst_every, "--burst-for", burst_for]
        sending += ["--resent", resent, "--bad", bad]
        raise typer.Exit(run_stack(Path(opened.storage.root), sending, ["--port", port]))
    if live:
        from demo.live import Pace
        from facings.live import run_live, story_album, tiny_album

        factor = _burst(burst)
        if burst_for > burst_every:
            raise typer.BadParameter("a burst can't last longer than its period", param_hint="--burst-for")
        with bars() as progress:
            album = (
                tiny_album(seed) if tiny else story_album(open_lake(lake, settings, create=True), seed, close, progress)
            )
            say(f"{len(album.scenes)} devices send to {topic} on {brokers} (stop with Ctrl-C)")
            report = run_live(
                album,
                {"bootstrap_servers": brokers.split(",")},
                Pace(rate, factor, burst_every, burst_for),
                topic=topic,
                seed=seed,
                name=new_run_id(clock(settings)),
                resent=resent,
                bad=bad,
                seconds=seconds,
                events=events,
                clock=clock(settings),
                progress=progress,
            )
    else:
        from facings.story import run_demo

        with bars() as progress:
            report = run_demo(
                open_lake(lake, settings, create=True),
                settings,
                seed=seed,
                until=close,
                hours=hours,
                stores=stores,
                steps=steps,
                progress=progress,
            )
    if json:
        print_json(report)
    else:
        title = "Sent live" if live else "The demo"
        rows = [{"what": name.replace("_", " "), "value": cell(value)} for name, value in report.items()]
        print_table(title, rows, right=["value"])
