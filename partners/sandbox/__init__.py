"""The sandbox: partner services to run, which report back as real partners would."""
