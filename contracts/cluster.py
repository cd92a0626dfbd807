"""Stored state belongs to one Kafka cluster: positions in its topics mean nothing in another's."""

from pathlib import Path

from contracts.errors import ClusterMismatch

FILE_NAME = "cluster_id"


def claim_cluster(folder: Path, cluster_id: str) -> None:
    """Write `cluster_id` beside the state in `folder`, or check it against the one that is there.

    Raises:
        ClusterMismatch: the state in `folder` was made from another cluster's topics.
    """
    file = folder / FILE_NAME
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(cluster_id + "\n", "utf-8")
        return
    known = file.read_text("utf-8").strip()
    if known != cluster_id:
        raise ClusterMismatch(
            f"{folder} holds state made from Kafka cluster {known}, but the running cluster is {cluster_id}; "
            "its positions mean nothing here. Remedy: make clear (removes topics, tables and state together)"
        )
