"""An embedded streaming SQL server that speaks the ksqlDB dialect and REST API, for one laptop."""
