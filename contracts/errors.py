"""The root of every error that the contracts raise."""


class ContractError(Exception):
    """Raised when a setting, a schema or stored data breaks what the stations agree on."""


class ClusterMismatch(ContractError):
    """Raised when stored state belongs to another Kafka cluster than the running one."""


class UnknownName(ContractError):
    """Raised when a topic, table, view or lab is asked for that no contract declares."""
