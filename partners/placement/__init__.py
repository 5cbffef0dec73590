"""Job services: client and contract."""
