-- Only orders that keep the contract; one row per order, the first record wins.
CREATE TABLE order_by_id
WITH (KAFKA_TOPIC = 'marketing.order.by.id.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  order_id AS `order_id`,
  EARLIEST_BY_OFFSET(customer_id) AS `customer_id`,
  EARLIEST_BY_OFFSET(order_total_cents) AS `order_total_cents`,
  EARLIEST_BY_OFFSET(placed_at_ms) AS `placed_at_ms`,
  EARLIEST_BY_OFFSET(CONCAT(LPAD(CAST(occurred_at_ms AS VARCHAR), 16, '0'), event_id)) AS `event_mark`
FROM order_placed
WHERE customer_key = customer_id
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', event_id) IS NOT NULL
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', order_id) IS NOT NULL
  AND REGEXP_EXTRACT('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', customer_id) IS NOT NULL
  AND occurred_at_ms >= 0 AND occurred_at_ms <= ROWTIME + 86400000
  AND placed_at_ms >= 0 AND placed_at_ms <= ROWTIME + 86400000
  AND order_total_cents > 0
  AND order_total_cents = REDUCE(items, CAST(0 AS BIGINT), (total, item) => total + item->quantity * item->price_cents)
  AND currency = 'USD'
GROUP BY order_id
EMIT CHANGES;

CREATE TABLE order_sums
WITH (KAFKA_TOPIC = 'marketing.order.sums.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  `customer_id`,
  COUNT(*) AS `order_count`,
  SUM(`order_total_cents`) AS `lifetime_value_cents`
FROM order_by_id
GROUP BY `customer_id`
EMIT CHANGES;

-- MIN and MAX need a stream. The first record of an order wins, so a later change of its row repeats the same values.
CREATE STREAM order_first (
  `order_id` VARCHAR KEY,
  `customer_id` VARCHAR,
  `order_total_cents` BIGINT,
  `placed_at_ms` BIGINT,
  `event_mark` VARCHAR
) WITH (KAFKA_TOPIC = 'marketing.order.by.id.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON');

CREATE TABLE order_times
WITH (KAFKA_TOPIC = 'marketing.order.times.v1', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT
  `customer_id`,
  MIN(`placed_at_ms`) AS `first_order_at_ms`,
  MAX(`placed_at_ms`) AS `last_order_at_ms`,
  MAX(`event_mark`) AS `event_mark`
FROM order_first
GROUP BY `customer_id`
EMIT CHANGES;
