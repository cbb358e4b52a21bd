"""The step driver: pipelines as data, run step by step, each step a process of its own."""

from batch.pipeline.declare import Pipeline, PipelineError, Step, default_pipeline, read_pipeline
from batch.pipeline.drive import FILLS, Choice, Means, foresee, plan_run, run_pipeline, values_of
from batch.pipeline.ledger import done_steps, failed_since_ok, last_run
from batch.pipeline.lock import RunInProgress
from batch.pipeline.report import RunReport, StepReport

__all__ = [
    "FILLS",
    "Choice",
    "Means",
    "Pipeline",
    "PipelineError",
    "RunInProgress",
    "RunReport",
    "Step",
    "StepReport",
    "default_pipeline",
    "done_steps",
    "failed_since_ok",
    "foresee",
    "last_run",
    "plan_run",
    "read_pipeline",
    "run_pipeline",
    "values_of",
]
