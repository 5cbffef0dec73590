"""The registry that decides who may take part: client and contract."""
