"""Partner services: a port, an httpx client and a contract each; `sandbox/` runs the same ones."""
