"""The commands that run a flow: ingest, train, score and demo."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from flows.command.console.arguments import TIME_FORMATS, Moment, PathOrUri, gone_option
from flows.command.console.output import echo
from flows.command.startup import choose_home, keep_to_this_machine, load_settings, prepare_prefect, warm_up

if TYPE_CHECKING:
    from deployments.settings import Settings


@click.command()
@click.option("--archive", metavar="PATH|URL", help="Read this archive instead of REVIEWS_ARCHIVE.")
@click.option("--accept-unverified", is_flag=True, help="Accept an archive whose content is not a known one.")
def ingest(archive: str | None, accept_unverified: bool) -> None:
    """Download and check the archive, and convert it to Parquet.

    \b
    Examples:
      reviews ingest
      reviews ingest --archive aclImdb_v1.tar.gz
      reviews ingest --archive https://mirror.example/aclImdb_v1.tar.gz
    """
    wait_for_server = prepare_prefect()
    from flows.command.flow_summaries import describe_ingest
    from flows.grants import grant
    from flows.ingest_reviews import ingest_reviews

    wait_for_server()
    with grant([archive] if archive else []):
        done = ingest_reviews(archive=archive, accept_unverified=accept_unverified)
    echo(describe_ingest(done))


@click.command()
@click.option(
    "--variant", metavar="NAME", default=None, help="See `reviews models variants`. [default: wide_lstm]"
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the rows. [default: the variant's]")
@click.option(
    "--promote",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="Make the model the champion: if it passes the gate, never, or always.",
)
@click.option(
    "--anew", is_flag=True, help="Begin anew, even if the same training was stopped and could go on."
)
@click.option("--with-own", is_flag=True, help="Also learn from labels and ratings of your own files.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Compute on a GPU if TensorFlow can use one, on the CPU, or on a GPU and fail without one.",
)
def train(
    variant: str | None,
    seed: int,
    epochs: int | None,
    promote: Literal["auto", "never", "always"],
    anew: bool,
    with_own: bool,
    device: Literal["auto", "cpu", "gpu"],
) -> None:
    """Train a variant, and promote it if it passes the gate.

    A training that was stopped goes on from its last checkpoint, to the same model: type the same command again. With
    --with-own, what the labels and ratings of each source settle is changed in the scores of that source. If the same
    model was trained before, only this is done.

    \b
    Examples:
      reviews train
      reviews train --variant cnn_lstm --seed 3
      reviews train --variant lstm --epochs 4 --promote never
      reviews train --with-own
      reviews train --device gpu
    """
    from models.variants import DEFAULT_VARIANT, find_variant

    chosen = find_variant(DEFAULT_VARIANT if variant is None else variant)
    wait_for_server = prepare_prefect()
    from flows.command.flow_summaries import describe_training
    from flows.train_model import train_model

    wait_for_server()
    done = train_model(
        variant=chosen.name,
        seed=seed,
        epochs=epochs,
        promote=promote,
        anew=anew,
        with_own=with_own,
        device=device,
    )
    echo(describe_training(done))


@click.command()
@click.argument("files", nargs=-1, type=PathOrUri(exists=True, path_type=Path))
@gone_option(
    "--text-column",
    "`--text-column` is now `text` of a profile. Next: reviews sources init NAME FILE --text COLUMN",
)
@click.option(
    "--since",
    type=Moment(TIME_FORMATS),
    metavar="DATE",
    help="Ignore files last changed before this date (UTC): 2026-11-24, 2026-11-24T06:30.",
)
@click.option(
    "--model",
    "model_id",
    metavar="MODEL_ID",
    help="Score with this promoted model, not the champion: its id, or the beginning of it.",
)
@click.option("--rescore", is_flag=True, help="Also score again what only other models have scored.")
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would be scored, and why.")
@click.option("--source", metavar="NAME", help="Read the FILES by the profile of this source.")
def score(files: tuple[Path | str, ...], **parameters: Any) -> None:
    """Score the new files in the inbox, or the FILES named.

    FILES may be folders. With REVIEWS_STORE=s3://bucket/prefix, the objects in its inbox/ are scored too; name them by
    their URIs.

    A file that was scored before is recognised by its content and skipped. A file that was refused is tried again when
    you name it, or when its content changes. The formats are CSV, TSV, JSON lines, JSON, workbooks, Parquet, ORC,
    Arrow, Avro and plain text, also as .gz, .zst, .bz2 or .xz, and zip or tar archives of these.

    With --rescore, reviews that only other models have scored are scored again from the texts in the database; with
    FILES, only the reviews of these files. The earlier scores stay. --since then also ignores files whose first scores
    were committed before it.

    \b
    Examples:
      reviews score
      reviews score --dry-run
      reviews score ~/exports/2026-11-24.csv.gz
      reviews score s3://bucket/prefix/inbox/shop-a/2026-11-24.csv.gz
      reviews score --source shop-a ~/exports/shop-a-backfill.csv
      reviews score --rescore --since 2026-11-01
      reviews score --rescore --model cnn_lstm-s0-45f69cba155b
    """
    from data_contracts.storage.store_uris import name_by_uri
    from tasks.support.outside_targets import require_no_own_folder

    settings = load_settings()
    require_no_own_folder(settings.home, [path for path in files if isinstance(path, Path)])
    names = [
        name_by_uri(str(path.absolute()), settings.store) if isinstance(path, Path) else path
        for path in files
    ]
    echo(run_scoring(settings, names, parameters))


def run_scoring(settings: "Settings", files: list[str], parameters: Mapping[str, Any]) -> str:
    """Run the flow `score-reviews` over the files, or over the inbox if there are none; return its result in words."""
    wait_for_server = prepare_prefect()
    from flows.grants import grant
    from flows.score_reviews import score_reviews
    from flows.scoring_message import describe_scoring

    if not parameters["dry_run"]:
        warm_up(settings, files)
    wait_for_server()
    with grant(files):
        return describe_scoring(
            score_reviews(files=files or None, **parameters), bool(parameters.get("source"))
        )


@click.command()
@click.pass_context
def demo(context: click.Context) -> None:
    """Ingest, train, score and ask, on a small generated archive.

    Its home is data/demo, unless --home names another one.
    """
    from deployments.installation_paths import find_default_home

    # REVIEWS_HOME is ignored, so that generated reviews never mix with real ones; printed commands get the home.
    root = context.find_root()
    root.obj = root.obj or find_default_home() / "demo"
    choose_home(root.obj)
    keep_to_this_machine()
    wait_for_server = prepare_prefect()
    from flows.command.demo import run_demo

    wait_for_server()
    run_demo(echo)
