"""How much memory this process may use."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["machine_memory"]

CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says how much a container may use, by cgroups 2 and 1; "max" or a huge number: as much as there is."""


def machine_memory() -> int | None:
    """Bytes that this machine, its container and `ulimit -v` allow; None where the system does not say."""
    if not hasattr(os, "sysconf"):
        return None
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    limits = [path.read_text().strip() for path in CGROUPS if path.exists()]
    found += [int(limit) for limit in limits if limit != "max"]
    with suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            found.append(soft)
    return min(found)
