"""The plumbing below the jobs: session, Kafka, Avro, Delta, progress, locks, threads."""
