-- The Avro topics as ksqlDB sees them. Keys are plain text.

-- A table, so that a null value erases the customer.
CREATE TABLE customer_profile (
  customer_key VARCHAR PRIMARY KEY,
  event_id VARCHAR,
  occurred_at_ms BIGINT,
  customer_id VARCHAR,
  email VARCHAR,
  first_name VARCHAR,
  last_name VARCHAR,
  created_at_ms BIGINT,
  lifecycle_stage VARCHAR,
  is_active BOOLEAN
) WITH (KAFKA_TOPIC = 'dom.customer.profile.upsert.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO');

CREATE STREAM order_placed (
  customer_key VARCHAR KEY,
  event_id VARCHAR,
  occurred_at_ms BIGINT,
  order_id VARCHAR,
  customer_id VARCHAR,
  order_total_cents BIGINT,
  items ARRAY<STRUCT<sku VARCHAR, quantity INTEGER, price_cents BIGINT>>,
  currency VARCHAR,
  channel VARCHAR,
  placed_at_ms BIGINT
) WITH (KAFKA_TOPIC = 'dom.order.placed.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO');

CREATE STREAM activation_status (
  customer_key VARCHAR KEY,
  event_id VARCHAR,
  occurred_at_ms BIGINT,
  activation_id VARCHAR,
  order_id VARCHAR,
  customer_id VARCHAR,
  channel VARCHAR,
  status VARCHAR,
  delivered_at_ms BIGINT,
  attempts INTEGER
) WITH (KAFKA_TOPIC = 'dom.activation.delivery.status.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO');

-- Only profiles that keep the contract. A profile that breaks it takes the customer off the live side until the next.
CREATE TABLE customer_valid
WITH (KAFKA_TOPIC = 'marketing.customer.valid.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  customer_key AS `customer_key`,
  email AS `email`,
  first_name AS `first_name`,
  last_name AS `last_name`,
  created_at_ms AS `created_at_ms`,
  lifecycle_stage AS `lifecycle_stage`,
  is_active AS `is_active`,
  CONCAT(LPAD(CAST(occurred_at_ms AS VARCHAR), 16, '0'), event_id) AS `event_mark`
FROM customer_profile
WHERE customer_key = customer_id
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', event_id) IS NOT NULL
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', customer_id) IS NOT NULL
  AND occurred_at_ms >= 0 AND occurred_at_ms <= ROWTIME + 86400000
  AND created_at_ms >= 0 AND created_at_ms <= ROWTIME + 86400000
EMIT CHANGES;
