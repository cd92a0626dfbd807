"""`lab sql`: a prompt for streaming SQL, against this engine or any ksqlDB."""
