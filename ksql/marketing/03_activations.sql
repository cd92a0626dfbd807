-- Only activations that keep the contract; one row per activation, the first record wins.
CREATE TABLE activation_by_id
WITH (KAFKA_TOPIC = 'marketing.activation.by.id.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  activation_id AS `activation_id`,
  EARLIEST_BY_OFFSET(customer_id) AS `customer_id`,
  EARLIEST_BY_OFFSET(channel) AS `channel`,
  EARLIEST_BY_OFFSET(status) AS `status`,
  EARLIEST_BY_OFFSET(CONCAT(LPAD(CAST(occurred_at_ms AS VARCHAR), 16, '0'), event_id)) AS `event_mark`
FROM activation_status
WHERE customer_key = customer_id
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', event_id) IS NOT NULL
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', activation_id) IS NOT NULL
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', customer_id) IS NOT NULL
  AND occurred_at_ms >= 0 AND occurred_at_ms <= ROWTIME + 86400000
  AND channel IN ('email', 'sms', 'push', 'in_app')
  AND status IN ('delivered', 'failed')
GROUP BY activation_id
EMIT CHANGES;

CREATE TABLE activation_sums
WITH (KAFKA_TOPIC = 'marketing.activation.sums.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  `customer_id`,
  SUM(CASE WHEN `status` = 'delivered' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END) AS `delivered`,
  SUM(CASE WHEN `status` = 'failed' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END) AS `failed`
FROM activation_by_id
GROUP BY `customer_id`
EMIT CHANGES;

CREATE STREAM activation_first (
  `activation_id` VARCHAR KEY,
  `customer_id` VARCHAR,
  `channel` VARCHAR,
  `status` VARCHAR,
  `event_mark` VARCHAR
) WITH (KAFKA_TOPIC = 'marketing.activation.by.id.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON');

CREATE TABLE activation_latest
WITH (KAFKA_TOPIC = 'marketing.activation.latest.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  `customer_id`,
  LATEST_BY_OFFSET(`channel`) AS `last_channel`,
  LATEST_BY_OFFSET(`status`) AS `last_status`,
  MAX(`event_mark`) AS `event_mark`
FROM activation_first
GROUP BY `customer_id`
EMIT CHANGES;
