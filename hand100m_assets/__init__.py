"""Hand100M data preparation as Dagster assets over small domain rooms."""
