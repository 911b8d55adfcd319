"""The commands about models: `reviews models` with compare, promote and rollback, and variants."""

from typing import TYPE_CHECKING

import click

from flows.command.console.output import echo
from flows.command.startup import find_api_url, load_settings_to_write, prepare_prefect
from tasks.support.who import name_user

if TYPE_CHECKING:
    from data_contracts.storage.home import Home
    from tasks.training.champion_choice import NewChampion


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List the trained models; compare, promote and roll back.

    A star is before the champion. Name a model by its id, by the beginning of its id, or as `champion`.

    \b
    Examples:
      reviews models
      reviews models compare cnn_lstm-s1 champion
      reviews models promote cnn_lstm-s1
      reviews models rollback
    """
    if context.invoked_subcommand is not None:
        return
    from flows.command.flow_summaries import describe_models
    from tasks.warehouse.model_registry import list_models
    from tasks.warehouse.shadow.record import find_shadow

    home = _find_home()
    echo(describe_models(list_models(home.readable), home))
    if shadow := find_shadow(home.readable):
        echo(f"The shadow, which scores unseen, is {shadow.model_id}: reviews shadow status")


def _find_home() -> "Home":
    """Return the home whose models are listed, with the newest copy of a store if it only reads one."""
    from data_contracts.errors import WarehouseError
    from deployments.settings import load_settings
    from flows.command.startup import find_home_to_read

    try:
        return find_home_to_read()
    except WarehouseError:  # the store has no copy: a home that has only been begun
        return load_settings().home


@models.command("compare")
@click.argument("challenger", metavar="MODEL")
@click.argument("champion", metavar="[OTHER]", default="champion")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def models_compare(challenger: str, champion: str, form: str) -> None:
    """Compare MODEL with OTHER, by default the champion.

    What the gate would decide is shown too. Both score the validation rows of the current data and the behavioural
    tests, and are timed in turns. A gain above 0 means that MODEL is better; each has a 95 % interval. Nothing is
    changed.

    \b
    Examples:
      reviews models compare cnn_lstm-s1
      reviews models compare lstm-s0 cnn_lstm-s0
      reviews models compare cnn_lstm-s1 champion --format json
    """
    from deployments.settings import load_settings
    from tasks.training.champion_choice import compare

    compare(load_settings().home, challenger, champion, form, echo)


@models.command("promote")
@click.argument("model", metavar="MODEL")
@click.option("--reason", metavar="TEXT", help="Kept with the promotion.")
@click.option("--force", is_flag=True, help="Promote it even if the gate refuses.")
def models_promote(model: str, reason: str | None, force: bool) -> None:
    """Make MODEL the champion if it passes the gate.

    The gate judges it against the current one. Even with --force, its bundle must be unaltered and give its golden
    scores on this machine. A refusal names the rules that MODEL breaks, and is recorded in the table gate_checks.

    \b
    Examples:
      reviews models promote cnn_lstm-s1
      reviews models promote lstm-s0 --force --reason "the cnn_lstm misjudges long reviews"
    """
    from tasks.training.champion_choice import promote

    with load_settings_to_write() as settings:
        champion = promote(settings.home, model, echo, reason, name_user() if force else None)
    _notify_promoted(settings.home, champion)


@models.command("rollback")
@click.option("--to", "model", metavar="MODEL", help="An earlier champion. [default: the one before]")
@click.option("--reason", metavar="TEXT", help="Kept with the rollback.")
def models_rollback(model: str | None, reason: str | None) -> None:
    """Make an earlier champion the champion again.

    A second rollback goes one champion further back. The gate is not asked, but the bundle must be unaltered and
    give its golden scores.

    \b
    Examples:
      reviews models rollback
      reviews models rollback --to cnn_lstm-s0 --reason "too many complaints"
    """
    from tasks.training.champion_choice import go_back

    with load_settings_to_write() as settings:
        champion = go_back(settings.home, model, reason or f"rolled back by {name_user()}", echo)
    _notify_promoted(settings.home, champion)


def _notify_promoted(home: "Home", champion: "NewChampion | None") -> None:
    """After `reviews models promote` or `rollback`, emit the event of the new champion if a Prefect server is used."""
    if champion is None:
        return
    prepare_prefect(may_start=False)
    if find_api_url():
        from tasks.stages.events import emit_promoted

        emit_promoted(home, *champion)


@click.command()
def variants() -> None:
    """List the variants that `reviews train` knows."""
    from models.variants import DEFAULT_VARIANT, list_variants

    for name, variant in list_variants().items():
        default = "  (the default)" if name == DEFAULT_VARIANT else ""
        click.echo(f"{name:<14} {variant.summary}{default}")
