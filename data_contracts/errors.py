"""The errors that a user may see. Each says what happened, to which file or row, by which rule, and what next."""


class ReviewsError(Exception):
    """A stage failed in a way that the message explains; the `reviews` command ends with status 1."""

    exit_status = 1
    can_pass = False
    """Whether it may go away by itself, so that trying again later is worth it."""


class UsageError(ReviewsError):
    """The command, a parameter or a setting was wrong; the `reviews` command ends with status 2."""

    exit_status = 2


class SourceError(ReviewsError):
    """The archive, or the way to it, is not what it should be."""


class SourceUnreachableError(SourceError):
    """The way to the archive failed for now: a network or a server that did not answer."""

    can_pass = True


class ContractError(ReviewsError):
    """Our own data broke a contract: the message names the rule, what was observed and what was expected."""


class BundleError(ReviewsError):
    """A bundle is missing, altered, unpromoted or made by something newer: it does not score."""


class WarehouseError(ReviewsError):
    """The database can't be opened, read or brought up to date."""


class WarehouseBusyError(WarehouseError):
    """Another process held the database for longer than we waited."""

    can_pass = True


class FileRefusedError(ReviewsError):
    """A review file is refused whole: `rule` names the promise it broke, `detail` says where and how."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail
