"""`python -m flows.deployed_run`: run the flow of a deployment as `python -m prefect.engine` does, but load it faster.

Workers of this machine start runs so.
"""

import runpy

from data_contracts.library_loading import collect_less

if __name__ == "__main__":
    collect_less()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
