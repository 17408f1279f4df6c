"""The only room that imports Dagster: says what is an asset, a partition, a check, a sensor, a schedule."""
