"""The work of commands that run no flow: functions of the settings, independent of the command line."""
