"""What a person asks of the Delta tables, read without Spark: sizes, history, quality, lineage, upkeep."""
