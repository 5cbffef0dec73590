"""Everything a journey asks of the world: classes that get their clients injected."""
