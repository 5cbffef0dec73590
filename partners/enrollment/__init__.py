"""Training providers: client and contract."""
