"""What the doctor looks at: each check returns what it found, or raises `Idle` or `Broken`."""
