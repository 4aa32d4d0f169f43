"""Values as a person would type them into YAML, for fixes and presets."""

from collections.abc import Mapping


def flow(value: object) -> str:
    """Write a plain value on one line of YAML.

    Example:
        >>> flow({"start": 1e15, "count": 7, "on": True, "names": ["a", None]})
        '{start: 1e15, count: 7, on: true, names: [a, null]}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.6g}".replace("e+", "e") if isinstance(value, float) else str(value)
