"""Starts JupyterLab's kernels: one that ends at its start is started anew, on other ports, before anything is connected to it.

Another program may take a port between the moment when Jupyter finds it free and the start of the kernel, which then ends
(patches/tslab+1.0.22+002+end-without-ports.patch). Jupyter itself restarts such a kernel five times on the same ports and gives up.
"""

import asyncio
import time

from jupyter_client.connect import port_names
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

STARTS = 3
SECONDS_TO_ANSWER = 30  # after which a kernel that lives is left to Jupyter


class KernelManager(ServerKernelManager):
    async def start_kernel(self, *args, **kwargs):
        for attempt in range(1, STARTS + 1):
            await super().start_kernel(*args, **kwargs)
            if attempt == STARTS or await self.comes_up():
                return
            self.log.warning("The kernel ended at its start; trying again on other ports")
            self.cleanup_connection_file()
            await self.provisioner.cleanup(restart=False)
            self.provisioner = None  # a new one looks for ports
            for name in port_names:
                setattr(self, name, 0)

    async def comes_up(self):
        """False where the process ends before it answers."""
        shell = self.connect_shell()
        answered = asyncio.Event()
        shell.on_recv(lambda message: answered.set())
        self.session.send(shell, "kernel_info_request")
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        try:
            while not answered.is_set() and time.monotonic() < deadline:
                if not await self.is_alive():
                    return False
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)  # one that answers opens its other ports
            return await self.is_alive()
        finally:
            shell.close(linger=0)
