"""An agent of a Ray node that does nothing and ends with it. Runs by itself, in a bare interpreter; stdlib only.

Its first argument is the folder of the cluster, which it does not read: a process of a cluster shows whose it is.
"""

from __future__ import annotations

import os
import select


def main() -> None:
    node = os.getppid()
    try:
        alive = os.pidfd_open(node)
    except OSError:
        return
    # A node that died before this had its handle is another process by now.
    if os.getppid() == node:
        select.select([alive], [], [])


if __name__ == "__main__":
    main()
