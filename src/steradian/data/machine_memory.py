"""How much memory this process may use."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["machine_memory"]

CGROUP = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says how much a container may use; "max" where it does not matter."""


def machine_memory() -> int | None:
    """Bytes that this machine, its container and `ulimit -v` allow; None where the system does not say."""
    if not hasattr(os, "sysconf"):
        return None
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    limit = CGROUP.read_text().strip() if CGROUP.exists() else "max"
    if limit != "max":
        found.append(int(limit))
    with suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            found.append(soft)
    return min(found)
