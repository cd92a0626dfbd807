"""The properties that ksqlDB and Kafka's clients document, by the type of their values.

A name may be followed by `>=` and the least value.
"""

from __future__ import annotations

from typing import Final

from ksql_engine.plan.config import GUARANTEES

KSQL: Final = {
    "BOOLEAN": """
        ksql.cast.strings.preserve.nulls ksql.client.ip_port.configuration.enabled
        ksql.connect.basic.auth.credentials.reload ksql.create.or.replace.enabled ksql.endpoint.migrate.query
        ksql.headers.columns.enabled ksql.insert.into.values.enabled ksql.json_sr.converter.deserializer.enabled
        ksql.lambdas.enabled ksql.nested.error.set.null ksql.new.query.planner.enabled
        ksql.persistence.wrap.single.values ksql.pull.queries.enable ksql.query.pull.enable.standby.reads
        ksql.query.pull.interpreter.enabled ksql.query.pull.limit.clause.enabled ksql.query.pull.metrics.enabled
        ksql.query.pull.range.scan.enabled ksql.query.pull.stream.enabled ksql.query.pull.table.scan.enabled
        ksql.query.push.v2.alos.enabled ksql.query.push.v2.continuation.tokens.enabled ksql.query.push.v2.enabled
        ksql.query.push.v2.interpreter.enabled ksql.query.push.v2.metrics.enabled
        ksql.query.push.v2.registry.installed ksql.queryanonymizer.logs_enabled ksql.runtime.feature.shared.enabled
        ksql.source.table.materialization.enabled ksql.suppress.enabled ksql.timestamp.throw.on.invalid
        ksql.transient.query.cleanup.service.enable ksql.udf.collect.metrics ksql.udf.enable.security.manager
        ksql.udfs.enabled ksql.variable.substitution.enable
    """,
    "SHORT": "ksql.internal.topic.min.insync.replicas ksql.internal.topic.replicas",
    "INT": """
        ksql.assert.schema.default.timeout.ms ksql.assert.topic.default.timeout.ms ksql.query.error.max.queue.size
        ksql.query.persistent.active.limit ksql.query.pull.max.concurrent.requests
        ksql.query.pull.max.hourly.bandwidth.megabytes ksql.query.pull.max.qps
        ksql.query.pull.router.thread.pool.size ksql.query.pull.thread.pool.size
        ksql.query.push.v2.max.catchup.consumers ksql.query.push.v2.max.hourly.bandwidth.megabytes
        ksql.query.status.running.threshold.seconds ksql.shared.runtimes.count
        ksql.transient.query.cleanup.service.initial.delay.seconds
        ksql.transient.query.cleanup.service.period.seconds
    """,
    "LONG": """
        ksql.authorization.cache.expiry.time.secs ksql.authorization.cache.max.entries
        ksql.connect.request.timeout.ms ksql.fetch.remote.hosts.max.timeout.seconds
        ksql.query.cleanup.shutdown.timeout.ms ksql.query.persistent.max.bytes.buffering.total
        ksql.query.pull.forwarding.timeout.ms ksql.query.pull.max.allowed.offset.lag>=0
        ksql.query.push.v2.catchup.consumer.msg.window ksql.query.push.v2.latest.reset.age.ms
        ksql.query.push.v2.new.latest.delay.ms ksql.query.retry.backoff.initial.ms ksql.query.retry.backoff.max.ms
        ksql.query.transient.max.bytes.buffering.total ksql.sink.window.change.log.additional.retention
        ksql.suppress.buffer.size.bytes ksql.websocket.connection.max.timeout.ms
    """,
    "STRING": """
        ksql.access.validator.enable ksql.connect.basic.auth.credentials.file
        ksql.connect.basic.auth.credentials.source ksql.connect.request.headers.plugin ksql.connect.url
        ksql.connect.worker.config ksql.deployment.type ksql.error.classifier.regex ksql.extension.dir
        ksql.hidden.topics ksql.metastore.backup.location ksql.metrics.extension ksql.metrics.tags.custom
        ksql.output.topic.name.prefix ksql.persistence.default.format.key ksql.persistence.default.format.value
        ksql.persistent.prefix ksql.properties.overrides.denylist ksql.queryanonymizer.cluster_namespace
        ksql.readonly.topics ksql.schema.registry.url ksql.security.extension.class ksql.service.id
        ksql.transient.prefix ksql.fail.on.deserialization.error
    """,
}

REQUEST: Final = {
    "BOOLEAN": """
        request.ksql.debug.request request.ksql.internal.request request.ksql.query.pull.skip.forwarding
        request.ksql.query.push.skip.forwarding
    """,
    "STRING": """
        request.ksql.query.pull.consistency.token request.ksql.query.pull.partition
        request.ksql.query.push.catchup.consumer.group request.ksql.query.push.continuation.token
    """,
}

_CLIENT: Final = {
    "BOOLEAN": "auto.include.jmx.reporter",
    "INT": "metrics.num.samples>=1 receive.buffer.bytes>=-1 request.timeout.ms>=0 send.buffer.bytes>=-1",
    "LONG": """
        connections.max.idle.ms metadata.max.age.ms>=0 metrics.sample.window.ms>=0 reconnect.backoff.max.ms>=0
        reconnect.backoff.ms>=0 retry.backoff.max.ms>=0 retry.backoff.ms>=0
        socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
    """,
    "STRING": """
        bootstrap.servers client.dns.lookup client.id interceptor.classes metric.reporters metrics.recording.level
        sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
        sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
        sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class sasl.login.class sasl.mechanism
        security.protocol security.providers ssl.cipher.suites ssl.enabled.protocols
        ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.password ssl.keymanager.algorithm
        ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
        ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm
        ssl.truststore.certificates ssl.truststore.location ssl.truststore.password ssl.truststore.type
    """,
}

CONSUMER: Final = {
    "BOOLEAN": _CLIENT["BOOLEAN"] + " allow.auto.create.topics check.crcs enable.auto.commit exclude.internal.topics",
    "INT": _CLIENT["INT"]
    + """
        auto.commit.interval.ms>=0 default.api.timeout.ms>=0 fetch.max.bytes>=0 fetch.max.wait.ms>=0 fetch.min.bytes>=0
        heartbeat.interval.ms max.partition.fetch.bytes>=0 max.poll.interval.ms>=1 max.poll.records>=1
        session.timeout.ms
    """,
    "LONG": _CLIENT["LONG"],
    "STRING": _CLIENT["STRING"]
    + """
        auto.offset.reset client.rack group.id group.instance.id isolation.level key.deserializer
        partition.assignment.strategy value.deserializer
    """,
}

PRODUCER: Final = {
    "BOOLEAN": _CLIENT["BOOLEAN"]
    + " enable.idempotence partitioner.adaptive.partitioning.enable partitioner.ignore.keys",
    "INT": _CLIENT["INT"]
    + """
        batch.size>=0 delivery.timeout.ms>=0 max.in.flight.requests.per.connection>=1 max.request.size>=0 retries>=0
        transaction.timeout.ms
    """,
    "LONG": _CLIENT["LONG"]
    + """
        buffer.memory>=0 linger.ms>=0 max.block.ms>=0 metadata.max.idle.ms>=5000
        partitioner.availability.timeout.ms>=0
    """,
    "STRING": _CLIENT["STRING"]
    + " acks compression.type key.serializer partitioner.class transactional.id value.serializer",
}

STREAMS: Final = {
    "INT": """
        buffered.records.per.partition max.warmup.replicas>=1 num.standby.replicas num.stream.threads
        rack.aware.assignment.non_overlap_cost rack.aware.assignment.traffic_cost replication.factor
    """,
    "LONG": """
        acceptable.recovery.lag>=0 cache.max.bytes.buffering>=0 commit.interval.ms>=0 log.summary.interval.ms
        max.task.idle.ms poll.ms probing.rebalance.interval.ms>=60000 repartition.purge.interval.ms>=0
        state.cleanup.delay.ms statestore.cache.max.bytes>=0 task.timeout.ms>=0 window.size.ms
        windowstore.changelog.additional.retention.ms
    """,
    "STRING": """
        application.id application.server built.in.metrics.version default.client.supplier
        default.deserialization.exception.handler default.dsl.store default.key.serde
        default.list.key.serde.inner default.list.key.serde.type default.list.value.serde.inner
        default.list.value.serde.type default.production.exception.handler default.timestamp.extractor
        default.value.serde dsl.store.suppliers.class processing.guarantee rack.aware.assignment.strategy
        rack.aware.assignment.tags rocksdb.config.setter state.dir topology.optimization upgrade.from
        windowed.inner.class.serde
    """,
}

TOPIC: Final = """
    cleanup.policy compression.type delete.retention.ms file.delete.delay.ms flush.messages flush.ms
    index.interval.bytes local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes
    message.downconversion.enable message.format.version message.timestamp.difference.max.ms
    message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate
    remote.storage.enable retention.bytes retention.ms segment.bytes segment.index.bytes segment.jitter.ms
    segment.ms unclean.leader.election.enable
"""

CHOICES: Final = {
    "acks": "all, -1, 0, 1",
    "auto.offset.reset": "latest, earliest, none",
    "client.dns.lookup": "use_all_dns_ips, resolve_canonical_bootstrap_servers_only",
    "compression.type": "none, gzip, snappy, lz4, zstd",
    "default.dsl.store": "rocksDB, in_memory",
    "isolation.level": "read_committed, read_uncommitted",
    "ksql.access.validator.enable": "on, off, auto",
    "ksql.connect.basic.auth.credentials.source": "NONE, FILE",
    "metrics.recording.level": "INFO, DEBUG, TRACE",
    "processing.guarantee": ", ".join(GUARANTEES),
}

INTERNAL: Final = frozenset(
    {
        "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__",
        "__emit.interval.ms.kstreams.windowed.aggregation__",
    }
)

IMMUTABLE: Final = frozenset(
    {
        "bootstrap.servers",
        "ksql.extension.dir",
        "ksql.headers.columns.enabled",
        "ksql.hidden.topics",
        "ksql.pull.queries.enable",
        "ksql.query.persistent.active.limit",
        "ksql.readonly.topics",
        "ksql.runtime.feature.shared.enabled",
        "ksql.source.table.materialization.enabled",
        *(name for name in _CLIENT["STRING"].split() if name.startswith("ssl.")),
    }
)
