"""The errors that a user may see. Each message names what happened, the file or row, the rule, and the next step."""


class ReviewsError(Exception):
    """A stage failed in a way that the message explains; the `reviews` command ends with status 1."""

    exit_status = 1
    can_pass = False
    """Whether the cause may go away by itself, so that a later retry can succeed."""


class UsageError(ReviewsError):
    """The command, a parameter or a setting was wrong; the `reviews` command ends with status 2."""

    exit_status = 2


class SourceError(ReviewsError):
    """The archive is invalid or can't be fetched."""


class SourceUnreachableError(SourceError):
    """The archive could not be fetched for now: the network failed or the server did not answer."""

    can_pass = True


class ContractError(ReviewsError):
    """Our own data broke a contract: the message names the rule, what was observed and what was expected."""


class BundleError(ReviewsError):
    """A bundle can't score: it is missing, altered, not promoted or written by a newer version."""


class WarehouseError(ReviewsError):
    """The database can't be opened, read or brought up to date."""


class WarehouseMemoryError(WarehouseError):
    """The database needed more memory at once than it may use."""


class WarehouseBusyError(WarehouseError):
    """Another process kept the database locked beyond the waiting time."""

    can_pass = True


class StoreError(ReviewsError):
    """An object store can't be opened, refuses access, or holds something that can't be read."""


class StoreUnreachableError(StoreError):
    """An object store does not answer, or answers with errors that may pass."""

    can_pass = True


class ObjectNameError(StoreError):
    """An object has a name that can't be read, so that nothing beside it can be listed."""


class ObjectMissingError(StoreError):
    """An object is not in its store."""


class ObjectDamagedError(StoreError):
    """An object is not what its manifest says, or is no manifest.

    The message has no next step: who finds it heals it, or adds one.
    """


class ObjectChangedError(StoreError):
    """An object is another one than was found before."""

    can_pass = True


class EngineError(ReviewsError):
    """The workers that score can't be reached any more: what still waits for them is left to the next run."""


class WorkerKilledError(ReviewsError):
    """Several workers ended while they scored again the texts of one file, `uri`, alone."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"{uri}: its texts ended several workers, alone too, so it keeps its earlier scores. Next: look at the "
            "workers' logs; `reviews score --rescore` without REVIEWS_DASK scores it."
        )
        self.uri = uri


class DestinationError(ReviewsError):
    """Scores can't be delivered to a destination: its place, its schema or its configuration is wrong."""


class DestinationUnreachableError(DestinationError):
    """A destination does not answer, or broke off."""

    can_pass = True


class FileRefusedError(ReviewsError):
    """A whole review file is refused: `rule` names the broken file rule, `detail` says where and how it was broken."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail
