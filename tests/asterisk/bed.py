"""The bed: one Asterisk on loopback, for the time of the tests.

Knows how to run Asterisk in the root that root.py makes, with the files of configuration.py. Every bed has its own
ports and its own folder, so several may run from one root at once. Must not know what is called and why.
"""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .ami import Ami
from .configuration import Ports, write_configuration

BOOT_LIMIT_S = 30.0
RTP_PORTS = 100


class Bed:
    """An Asterisk that runs within `with Bed(ready_root()) as bed:`; each call takes two of its RTP ports.

    Raises:
        RuntimeError: Asterisk does not start; the message has the end of what it said.
    """

    def __init__(self, root: Path, rtp_ports: int = RTP_PORTS) -> None:
        beds = root / "beds"
        beds.mkdir(exist_ok=True)
        _sweep(beds)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=beds))
        self._ports = _free_ports(rtp_ports)
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._ami: Ami | None = None

    @property
    def sip(self) -> tuple[str, int]:
        """Where to call."""
        return "127.0.0.1", self._ports.sip

    @property
    def ami(self) -> Ami:
        """The manager interface of this bed, while it runs."""
        assert self._ami is not None
        return self._ami

    def log(self) -> str:
        """What Asterisk has logged so far."""
        files = (self._folder / "log" / name for name in ("console", "full"))
        return "\n".join(path.read_text(errors="replace") for path in files if path.exists())

    def __enter__(self) -> Self:
        inside = f"/beds/{self._folder.name}"
        modules = next((self._root / "usr/lib").rglob("res_audiosocket.so")).parent
        write_configuration(
            self._folder, inside, f"/{modules.relative_to(self._root)}", self._ports
        )
        # It dies with us, however we end.
        command = ["setpriv", "--pdeathsig", "KILL", "chroot", str(self._root)]
        command += ["/usr/sbin/asterisk", "-f", "-C", f"{inside}/etc/asterisk.conf"]
        with (self._folder / "log" / "console").open("wb") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        try:
            self._wait_booted(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait_booted(self, process: subprocess.Popen[bytes]) -> None:
        end_s = time.monotonic() + BOOT_LIMIT_S
        while process.poll() is None and time.monotonic() < end_s:
            with suppress(ConnectionRefusedError):
                self._ami = Ami(self._ports.ami)
                break
            time.sleep(0.05)
        if self._ami is None or not self._ami.wait_booted(end_s - time.monotonic()):
            last_lines = "\n".join(self.log().splitlines()[-20:])
            raise RuntimeError(
                f"Asterisk ended or is not up in {BOOT_LIMIT_S:.0f} s:\n{last_lines}"
            )

    def _stop(self) -> None:
        if self._ami is not None:
            self._ami.close()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder)


def _sweep(beds: Path) -> None:
    """Take away the folders of beds whose process was killed before it could."""
    for folder in beds.iterdir():
        owner = folder.name.partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _free_ports(rtp_ports: int) -> Ports:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip, socket.socket() as ami:
        for taken in (sip, ami):
            taken.bind(("127.0.0.1", 0))
        rtp_first = _free_udp_block(rtp_ports)
        return Ports(
            sip.getsockname()[1], ami.getsockname()[1], rtp_first, rtp_first + rtp_ports - 1
        )


def _free_udp_block(size: int) -> int:
    """The first of a block of UDP ports of which nobody has one now."""
    for _ in range(200):
        first: int = random.randrange(16384, 32000 - size, 2)  # below the ephemeral ports
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + size):
                taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                taken.bind(("127.0.0.1", port))
            return first
    raise RuntimeError(f"no {size} UDP ports in a row are free for RTP")
