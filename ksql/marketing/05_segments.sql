-- The customer's segment: by value first, then by the number of orders, else the lifecycle stage.
CREATE TABLE segment_materialized
WITH (KAFKA_TOPIC = 'dom.segment.materialized.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO') AS
SELECT
  `customer_key`,
  AS_VALUE(`customer_key`) AS `customer_id`,
  CASE
    WHEN `lifetime_value_cents` >= 20000 THEN 'vip'
    WHEN `order_count` >= 2 THEN 'growth'
    ELSE COALESCE(`lifecycle_stage`, 'unknown')
  END AS `segment`,
  ROUND(CAST(`lifetime_value_cents` AS DOUBLE) / 20000 + CAST(`order_count` AS DOUBLE) / 10, 2) AS `score`,
  ROWTIME AS `materialized_at`
FROM customer_consolidated
EMIT CHANGES;
