"""The generated parts of pages that repeat the code, each with the function that generates it."""

from collections.abc import Callable
from functools import partial

from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, SCORING_RULES
from deployments.serving.metrics import SERVING
from docs import (
    columns_table,
    destinations_table,
    events_table,
    metrics_table,
    package_tree,
    queries_table,
    settings_table,
    tables_page,
)
from docs.pages import DOCS, Part, write_part
from docs.rules_table import make_list as make_rules

MAKER = "make docs"

CODE_PARTS: dict[Part, Callable[[], str]] = {
    Part(DOCS / "tables.md", MAKER, "tables"): tables_page.make_page,
    Part(DOCS / "feeding.md", MAKER, "column names"): columns_table.make_names,
    Part(DOCS / "feeding.md", MAKER, "platforms"): columns_table.make_platforms,
    Part(DOCS / "feeding.md", MAKER, "row rules"): partial(make_rules, ROW_RULES),
    Part(DOCS / "feeding.md", MAKER, "scoring rules"): partial(make_rules, SCORING_RULES),
    Part(DOCS / "feeding.md", MAKER, "file rules"): partial(make_rules, FILE_RULES),
    Part(DOCS / "destinations.md", MAKER, "destination columns"): destinations_table.make_list,
    Part(DOCS / "operations.md", MAKER, "events"): events_table.make_table,
    Part(DOCS / "operations.md", MAKER, "metrics"): metrics_table.make_list,
    Part(DOCS / "operations.md", MAKER, "metrics of serving"): partial(metrics_table.make_list, SERVING),
    Part(DOCS / "queries.md", MAKER, "named queries"): queries_table.make_list,
    Part(DOCS / "settings.md", MAKER, "settings"): settings_table.make_table,
    Part(DOCS / "design.md", MAKER, "packages"): package_tree.make_tree,
}


def write_code_parts() -> None:
    """Generate every part and write it into its page."""
    for part, make in CODE_PARTS.items():
        write_part(part, make())
