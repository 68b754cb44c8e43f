"""The `hiwm` command: parses, calls, and says in one line what went wrong. Nothing else imports it."""
