"""Imports the modules that commands use, once for all processes forked from the one that imports this."""

import os
from importlib import import_module

from data_contracts.expectations import import_expectations
from flows.command.startup import PREFECT_DEFAULTS

MODULES = (
    "flows.command.cli",
    "flows.command.messages",
    "flows.train_model",
    "onnxruntime",
    "prefect.main",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "tasks.exports.by_day",
    "tasks.scoring.groups",
)

os.environ.update(PREFECT_DEFAULTS)  # Prefect sets up its logging when it is loaded
for _name in MODULES:
    import_module(_name)
import_expectations()
