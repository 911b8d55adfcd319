"""The work of commands that run no flow: functions that take the settings and know nothing of the command line."""
