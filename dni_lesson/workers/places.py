"""On which machine of a cluster each part is trained."""


def places(nodes, parts):
    """Returns where actors go: a node for each part, and GPUs for each, 0 or 1.

    Neighbours share a machine if they must share: messages are cheaper.

    Args:
        nodes: List of dicts, as from `ray.nodes`.
        parts: Integer >= 1.
    """
    alive = sorted(
        (node for node in nodes if node["Alive"]),
        key=lambda node: node["NodeID"],
    )
    with_gpu = [
        node["NodeID"]
        for node in alive
        for _ in range(int(node["Resources"].get("GPU", 0)))
    ]
    if len(with_gpu) >= parts:
        return with_gpu[:parts], 1
    names = [node["NodeID"] for node in alive]
    return [names[k * len(names) // parts] for k in range(parts)], 0
