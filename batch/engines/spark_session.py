"""A Spark session for rebuilds: the one that is there (spark-submit, a notebook), else one of our own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from batch.engines.code import pack
from lake import FacingsError

JAVA = (17, 21)
DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"  # for SQL of your own on the lake; a rebuild needs no jar
DELTA_CONF = {  # of a session that reads and writes Delta by itself
    "spark.jars.packages": DELTA_PACKAGE,
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}

# Why each: docs/engines.md. A user's own --conf goes before them.
CONF = {
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.adaptive.enabled": "true",
    "spark.python.worker.reuse": "true",
    "spark.python.unix.domain.socket.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
# Set on each rebuild's own session, whoever made the context: the rows depend on them, and memory does.
SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1024",
}


class SparkUnavailable(FacingsError):
    """Spark can't start here: install what the message names, or use another engine."""


def open_session(master: str | None, conf: Mapping[str, str], *, cores: int) -> SparkSession:
    """The active session, or a new one on `master` (local threads if None); our code travels to its workers.

    Raises SparkUnavailable where Java is missing or of a version that Spark does not run on.
    """
    session = SparkSession.getActiveSession()
    if session is None:
        check_java()
        builder = SparkSession.builder.appName("facings")
        where = master or f"local[{cores}]"
        for name, value in {**CONF, "spark.master": where, **conf}.items():
            builder = builder.config(name, value)
        try:
            session = builder.getOrCreate()
        except PySparkRuntimeError as error:
            raise SparkUnavailable(f"Spark did not start on {where}: {str(error).splitlines()[0]}") from error
    _ship(session)
    return session


def own_session(session: SparkSession) -> SparkSession:
    """A session of one rebuild: temporary views and settings of its own on the same context."""
    own = session.newSession()
    for name, value in SESSION.items():
        own.conf.set(name, value)
    return own


def submitted_session() -> SparkSession:
    """The session of spark-submit, which has set its master and all else; the active one from then on."""
    return SparkSession.builder.appName("facings").getOrCreate()


def check_java() -> None:
    """Raises SparkUnavailable unless the Java that Spark would start (JAVA_HOME's, else PATH's) is one it runs on."""
    # The shell looks where Spark's own start script looks.
    command = 'exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version'
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    wanted = " or ".join(map(str, JAVA))
    remedy = f"install Java {wanted} (Debian: openjdk-17-jre-headless) and set JAVA_HOME, or use --engine embedded"
    if told.returncode != 0:
        raise SparkUnavailable(f"Spark needs Java {wanted}, and none was found: {remedy}")
    found = re.search(r'version "(\d+)', told.stderr)
    if found is None or int(found.group(1)) not in JAVA:
        first = told.stderr.splitlines()[0] if told.stderr else "an unknown Java"
        raise SparkUnavailable(f"Spark needs Java {wanted}; this is {first}: {remedy}")


def _ship(session: SparkSession) -> None:
    """Sends our code to the workers as an archive, once a session; a local master's workers run this interpreter."""
    context = session.sparkContext
    python = context.getConf().get("spark.pyspark.python")  # Spark itself reads it in spark-submit alone
    if python or str(context.master).startswith("local"):
        context.pythonExec = python or sys.executable
    if not any("facings-code" in path for path in context._python_includes or ()):
        folder = Path(tempfile.mkdtemp(prefix="facings-"))
        context.addPyFile(str(pack(folder / "facings-code.zip")))
