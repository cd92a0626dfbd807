"""The lakehouse: Kafka → bronze → silver → gold → Kafka, in one Spark driver."""
