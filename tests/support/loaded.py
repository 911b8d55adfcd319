"""Loads what commands use, once for all processes that are forked from the one that loads it; none of it runs."""

import onnxruntime  # noqa: F401
import prefect.main  # noqa: F401
import pyarrow.dataset
import pyarrow.pandas_compat  # noqa: F401

import flows.command.cli
import flows.command.messages
import flows.train_model  # noqa: F401
import tasks.queries.exports
import tasks.scoring.groups  # noqa: F401
from data_contracts.expectations import import_expectations

import_expectations()
