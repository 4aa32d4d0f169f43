"""Values as a person would type them into YAML, for fixes and presets."""

import json
import re
from collections.abc import Mapping

from flops_fit.config.written import read_value


def flow(value: object) -> str:
    """Write a plain value on one line of YAML.

    Example:
        >>> flow({"start": 1e15, "count": 7, "on": True, "names": ["a", None, "no", "1, 2"]})
        '{start: 1e15, count: 7, on: true, names: [a, null, "no", "1, 2"]}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"{value:.6g}".replace("e+", "e") if isinstance(value, float) else str(value)
    return _text(str(value))


def _text(text: str) -> str:
    # Unquoted only where YAML would read the same text back, inside brackets too.
    is_plain = re.fullmatch(r"[\w./~-]([\w./~ -]*[\w./~-])?", text) and read_value(text) == text
    return text if is_plain else json.dumps(text)
