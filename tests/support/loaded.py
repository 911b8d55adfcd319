"""Imports the modules that commands use, once for all processes forked from the one that imports this.

What they create is left out of garbage collections, which would copy nearly all of its memory into each of them.
"""

import gc
import os
from importlib import import_module

from data_contracts.expectations import import_expectations
from data_contracts.library_loading import pause_collection
from flows.command.startup import PREFECT_DEFAULTS

MODULES = (
    "fastapi",  # which Prefect loads for the parameters of a flow
    "flows.command.cli",
    "flows.command.flow_summaries",
    "flows.train_model",
    "onnxruntime",
    "prefect.main",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "tasks.delivery.folders",
    "tasks.scoring.group_to_part",
)

os.environ.update(PREFECT_DEFAULTS)  # Prefect sets up its logging when it is loaded
with pause_collection():
    for _name in MODULES:
        import_module(_name)
    import_expectations()
gc.freeze()
