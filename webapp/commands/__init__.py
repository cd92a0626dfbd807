"""From a wish (a click, a generated event) to an acknowledged Kafka record."""
