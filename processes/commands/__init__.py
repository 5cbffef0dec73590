"""The subcommands of `journeyman`, one file for each kind of user."""
