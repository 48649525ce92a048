"""A filter of system calls (seccomp) that a program may not make, as a BPF program.

Namespaces isolate files, processes and the network. The filter refuses calls that use memory which no
process is charged for, calls that make further namespaces, and rarely needed calls in which many kernel
bugs were found.
"""

import errno
import platform
import struct

# name → its number on x86-64 and on 64-bit ARM, from the kernel's tables
NUMBERS = {
    # memory that no process limit counts
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # other namespaces and roots
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    # the network, and services of the machine; socketpair is still allowed
    "socket": (41, 198),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    # large and recent parts of the kernel
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "fanotify_init": (300, 262), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294),
}  # fmt: skip
# signals to other processes of the user, if no namespace isolates them
SIGNALS = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
}  # fmt: skip
CLONE, CLONE3 = (56, 220), (435, 435)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # AUDIT_ARCH_… of audit.h
NEW_USER = 0x10000000  # CLONE_NEWUSER
X32 = 0x40000000  # numbers from here on belong to another table (x32) of x86-64

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF instructions
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def rules(machine: str = "", *, signals: bool = True) -> bytes:
    """The filter (struct sock_filter, 8 bytes each); empty for processors with unknown numbers.

    Without ``signals``, a program can send none, not even to its own children.
    """
    place, architecture = ARCHITECTURES.get(machine or platform.machine(), (0, 0))
    if not architecture:
        return b""
    refused = _step(_RETURN, _REFUSE | errno.EPERM)
    code = [
        _step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER), _step(_AT_LEAST, X32, 0, 1), refused,
    ]  # fmt: skip
    for numbers in (NUMBERS if signals else NUMBERS | SIGNALS).values():
        code += [_step(_EQUAL, numbers[place], 0, 1), refused]
    # a filter cannot read the flags of clone3; when it is refused, libraries use clone
    code += [_step(_EQUAL, CLONE3[place], 0, 1), _step(_RETURN, _REFUSE | errno.ENOSYS)]
    code += [_step(_EQUAL, CLONE[place], 0, 3), _step(_LOAD, _FIRST_ARGUMENT)]
    code += [_step(_ANY_BIT, NEW_USER, 0, 1), refused, _step(_RETURN, _ALLOW)]
    return b"".join(code)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
