"""Whether Ctrl-C was pressed in this process: inside a library it may come out as an error of that library."""

from threading import Event

INTERRUPTED = Event()
"""Set by the command; what raises while it is set is not to be taken for a failure of its own."""
