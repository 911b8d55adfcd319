"""What the commands do that run no flow: functions of the settings, which know nothing of the command line."""
