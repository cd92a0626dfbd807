-- One row per customer: the profile with everything known about orders and activations.
-- An `event_mark` is an event's time in ms, 16 digits, and its id: the greatest mark is the newest event.
CREATE TABLE customer_consolidated
WITH (KAFKA_TOPIC = 'dom.customer.consolidated.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  p.`customer_key` AS `customer_key`,
  AS_VALUE(p.`customer_key`) AS `customer_id`,
  p.`email` AS `email`,
  p.`first_name` AS `first_name`,
  p.`last_name` AS `last_name`,
  p.`created_at_ms` AS `created_at_ms`,
  p.`lifecycle_stage` AS `lifecycle_stage`,
  p.`is_active` AS `is_active`,
  COALESCE(s.`order_count`, CAST(0 AS BIGINT)) AS `order_count`,
  COALESCE(s.`lifetime_value_cents`, CAST(0 AS BIGINT)) AS `lifetime_value_cents`,
  t.`first_order_at_ms` AS `first_order_at_ms`,
  t.`last_order_at_ms` AS `last_order_at_ms`,
  COALESCE(a.`delivered`, CAST(0 AS BIGINT)) AS `delivered`,
  COALESCE(a.`failed`, CAST(0 AS BIGINT)) AS `failed`,
  l.`last_channel` AS `last_channel`,
  l.`last_status` AS `last_status`,
  SUBSTRING(GREATEST(p.`event_mark`, t.`event_mark`, l.`event_mark`), 17) AS `last_event_id`,
  CAST(SUBSTRING(GREATEST(p.`event_mark`, t.`event_mark`, l.`event_mark`), 1, 16) AS BIGINT) AS `last_event_at_ms`
FROM customer_valid p
LEFT JOIN order_sums s ON p.`customer_key` = s.`customer_id`
LEFT JOIN order_times t ON p.`customer_key` = t.`customer_id`
LEFT JOIN activation_sums a ON p.`customer_key` = a.`customer_id`
LEFT JOIN activation_latest l ON p.`customer_key` = l.`customer_id`
EMIT CHANGES;
