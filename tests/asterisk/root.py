"""The Debian root that Asterisk lives in, made once for a machine and shared by all checkouts.

Debian stable has no asterisk package, so a small Debian sid root is built with debootstrap, from the mirror that
this machine's apt uses, and Asterisk is installed in it; it is run by chroot as an ordinary process. The host's apt
sources are not touched; its only change is the package debootstrap. Knows how to make the root; must not know what
Asterisk is asked to do in it. Takes about a minute, 95 MB of packages and 323 MB of disk, once.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HOME = Path(os.environ.get("ASTERISK_BED_HOME", Path(tempfile.gettempdir()) / "asterisk-bed"))
"""Holds the root, the lock and the log of the setup."""

SUITE = "sid"
STAMP = ".bed-ready"
LIMIT_S = 600.0
"""One step of the setup takes no longer, or there is no network worth the name."""

# No fsync for each file, no documentation, no service started; and package lists are taken even where the mirror is
# a frozen copy whose validity has run out.
ROOT_FILES = {
    "etc/dpkg/dpkg.cfg.d/bed": "force-unsafe-io\n"
    + "".join(f"path-exclude=/usr/share/{name}/*\n" for name in ("doc", "man", "locale", "info")),
    "etc/apt/apt.conf.d/90bed": 'Acquire::Check-Valid-Until "false";\nAcquire::Languages "none";\n',
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}


class BedUnavailable(Exception):
    """There can be no Asterisk on this machine; the message says why in one line."""


def ready_root(home: Path = HOME) -> Path:
    """The root with Asterisk in it; made first where there is none, while other processes wait.

    Raises:
        BedUnavailable: we are not root, or there is no mirror, or its Asterisk has no AudioSocket.
    """
    if os.geteuid():
        raise BedUnavailable("a real Asterisk needs root, for chroot")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = home / "root"
        if not (root / STAMP).exists():
            _make(root, home / "root.setup.log")
    return root


def _make(root: Path, log: Path) -> None:
    """Build beside the place and rename, so that a broken attempt is never taken for a whole one."""
    mirror = _mirror()
    partial = root.with_name("root.partial")
    log.write_text("")
    _remove(partial)
    _remove(root)
    _need_debootstrap(log)
    _run(["debootstrap", "--variant=minbase", SUITE, str(partial), mirror], log)
    for name, text in ROOT_FILES.items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_text(text)
    (partial / "usr/sbin/policy-rc.d").chmod(0o755)
    shutil.copy("/etc/resolv.conf", partial / "etc/resolv.conf")
    apt = ["chroot", str(partial), "apt-get"]
    _run([*apt, "update"], log)
    _run([*apt, "install", "-y", "--no-install-recommends", "asterisk"], log)
    _run([*apt, "clean"], log)
    (partial / "etc/resolv.conf").write_text("# loopback only\n")  # names were for apt alone
    version = _run(["chroot", str(partial), "asterisk", "-V"], log).strip()
    if not list((partial / "usr/lib").rglob("res_audiosocket.so")):
        raise BedUnavailable(f"{version} of Debian {SUITE} is built without AudioSocket")
    (partial / STAMP).write_text(version + "\n")
    partial.rename(root)


def _remove(root: Path) -> None:
    if (root / "proc").is_mount():  # debootstrap was killed before it could take it away
        _run(["umount", str(root / "proc")])
    if root.exists():
        shutil.rmtree(root)


def _need_debootstrap(log: Path) -> None:
    if shutil.which("debootstrap"):
        return
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "debootstrap"]
    try:
        _run(install, log)
    except BedUnavailable:
        _run(["apt-get", "update"], log)  # its lists were empty or old
        _run(install, log)


def _mirror() -> str:
    """The archive that this machine's apt uses: the first that is not the security one."""
    deb822 = Path("/etc/apt/sources.list.d/debian.sources")
    for stanza in re.split(r"\n\s*\n", deb822.read_text() if deb822.exists() else ""):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
        if "URIs" in fields and "security" not in fields.get("Suites", ""):
            return str(fields["URIs"]).split()[0]
    lists = [Path("/etc/apt/sources.list"), *sorted(deb822.parent.glob("*.list"))]
    text = "\n".join(path.read_text() for path in lists if path.exists())
    found = re.search(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(?!\S*security)\S+", text, re.MULTILINE)
    if found is None:
        raise BedUnavailable("apt's configuration names no Debian mirror to take Asterisk from")
    return found[1]


def _run(command: list[str], log: Path | None = None) -> str:
    """What a command printed; all of it goes into the log as well."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    words = " ".join(command)
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BedUnavailable(f"{words}: {error}") from error
    if log is not None:
        with log.open("a") as out:
            out.write(f"$ {words}\n{done.stdout}\n")
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise BedUnavailable(f"{words} failed ({done.returncode}): {last}; more in {log}")
    return done.stdout
