"""The subsystem of a function, by the longest of these beginnings of its name. Data for humans: add what is missing."""

import re
from collections.abc import Mapping

from harness.model.profile import KERNEL_SUFFIX

INTERRUPTS_OFF = "interrupts off"
PYTHON = "Python interpreter"
OTHER_KERNEL, OTHER_USER = "other kernel code", "other user code"

# Interrupts are switched on again in these functions. A timer, which is an interrupt, sees there what ran before.
INTERRUPTS_ON = ("_raw_spin_unlock_irq", "finish_task_switch", "__do_softirq", "handle_softirqs")
KERNEL_SUBSYSTEMS: Mapping[str, tuple[str, ...]] = {
    INTERRUPTS_OFF: INTERRUPTS_ON,
    "TCP": (
        "do_tcp", "tcp_", "__tcp", "inet_", "__inet", "inet6_", "reqsk_", "secure_tcp", "cubictcp", "bictcp",
        "bbr_",
    ),
    "IP and softirq": (
        "get_rps", "__bpf", "ip_", "__ip_", "ip6_", "ipv4_", "ipv6_", "fib_", "fib6_", "rt_", "dst_", "neigh_",
        "__neigh", "dev_", "__dev", "netif_", "__netif", "net_", "loopback_", "eth_", "process_backlog",
        "napi_", "__napi", "qdisc_", "__qdisc", "validate_xmit", "enqueue_to_backlog", "nf_", "nft_", "ipt_",
        "xt_", "do_softirq", "__local_bh", "irq_exit", "sch_", "br_", "veth_", "skb_do_redirect", "bpf_",
        "raw_local", "raw_v4", "siphash", "udp_",
    ),
    "Unix socket": (
        "wait_for_unix", "unix_", "__unix", "scm_", "__scm", "maybe_add_creds", "maybe_init_creds",
        "init_peercred",
    ),
    "socket": (
        "do_sock", "sock_", "__sock", "sk_", "__sk_", "skb_", "__skb", "alloc_skb", "__alloc_skb", "kfree_skb",
        "__kfree_skb", "consume_skb", "lock_sock", "__lock_sock", "release_sock", "__release_sock", "__sys_",
        "___sys_", "do_accept", "move_addr", "security_sock", "security_sk", "kmalloc_reserve", "init_sock",
        "datagram", "__zerocopy", "sockfd_",
    ),
    "scheduler": (
        "read_tsc", "schedule", "__schedule", "try_to_wake", "ttwu_", "wake_", "__wake", "default_wake",
        "autoremove_wake", "pick_", "__pick", "put_prev", "set_next", "enqueue_", "__enqueue", "dequeue_",
        "__dequeue", "update_", "__update", "select_", "available_idle", "sched_", "__sched", "resched_",
        "check_preempt", "wakeup_preempt", "preempt_", "place_entity", "reweight", "prepare_task",
        "context_switch", "switch_mm", "__switch_to", "prepare_to_wait", "finish_wait", "add_wait",
        "remove_wait", "hrtimer_", "__hrtimer", "ktime_", "psi_", "cpuacct_", "avg_", "vruntime",
        "native_smp_send", "load_new_mm", "native_sched", "kick_process", "woken_wake",
    ),
    "VFS and epoll": (
        "rw_verify", "do_vfs", "eventpoll", "truncate_", "__destroy_inode", "vfs_", "path_", "link_path",
        "lookup_", "__lookup", "d_", "__d_", "dput", "dget", "__dentry", "dentry", "mnt", "__mnt", "fput",
        "__fput", "____fput", "fget", "__fget", "fdget", "__fdget", "file_", "__file", "alloc_file",
        "alloc_empty", "filp_", "new_sync", "ksys_", "do_sys", "do_filp", "inode_", "iput", "evict",
        "destroy_inode", "step_into", "walk_", "complete_walk", "terminate_walk", "getname", "filename",
        "kern_path", "touch_atime", "atime_", "may_", "generic_", "close_fd", "fd_", "alloc_fd", "get_unused",
        "shmem_", "simple_", "task_work", "security_file", "security_inode", "security_path", "new_inode",
        "alloc_inode", "ep_", "__ep_", "epi_", "do_epoll", "do_writev", "do_readv", "do_iter", "iov_iter",
        "import_iovec", "__import_iovec", "poll_", "__pollwait", "do_ioctl", "fsnotify", "__fsnotify",
        "locks_remove", "nd_", "set_root", "legitimize", "try_to_unlazy",
    ),
    "entry and exit": (
        "entry_", "do_syscall", "syscall_", "__x64_sys", "x64_sys", "exit_to_user", "asm_", "sysvec", "error_",
        "irqentry", "ret_from", "clear_bhb", "srso_", "__x86_", "seccomp", "__seccomp", "audit_", "__audit",
        "el0", "el1", "invoke_syscall", "__arm64_sys", "do_el0", "restore_regs", "rseq_", "__rseq", "fpregs_",
        "switch_fpu", "restore_fp", "save_fp", "common_interrupt",
    ),
    "copy": (
        "copy_", "_copy", "__copy", "rep_movs", "memcpy", "__memcpy", "memmove", "__memmove", "memset",
        "__memset", "csum", "__csum", "skb_copy", "__skb_datagram", "simple_copy", "__get_user", "__put_user",
        "__check_object", "check_heap", "__check_heap", "clear_page",
    ),
    "memory": (
        "flush_tlb", "__mmap", "__split_vma", "vms_", "anon_vma", "do_mremap", "do_vmi", "vm_", "tlb_",
        "__lruvec", "__account_obj", "kmem", "__kmem", "kmalloc", "__kmalloc", "kfree", "kvfree", "kvmalloc",
        "slab_", "__slab", "___slab", "alloc_", "__alloc", "get_page", "get_partial", "free_", "__free",
        "page_", "__page", "mem_cgroup", "__mem_cgroup", "memcg_", "__memcg", "obj_cgroup", "refill_", "drain_",
        "try_charge", "charge_", "rmqueue", "__rmqueue", "handle_mm", "__handle_mm", "do_user_addr", "exc_page",
        "lock_vma", "mas_", "vma_", "percpu_", "pcpu_", "mod_", "__mod_", "uncharge", "allocate_slab",
        "setup_object", "do_anonymous", "unmap_", "propagate_protected", "folio_", "put_cpu",
    ),
    "locks": (
        "__pv_queued", "_raw_", "__raw_", "mutex_", "__mutex", "rcu_", "__rcu", "call_rcu", "__call_rcu",
        "queued_", "native_queued", "up_", "down_", "lockref", "__srcu", "osq_", "rwsem", "refcount",
        "fsnotify_destroy",
    ),
}  # fmt: skip
USER_SUBSYSTEMS: Mapping[str, tuple[str, ...]] = {  # by the name of the file
    PYTHON: ("python", "libpython"),
    "nginx": ("nginx", "ngx_"),
    OTHER_USER: ("unknown",),
}
PYTHON_MODULE = ".cpython-"  # in the name of a file
FILE = re.compile(r"[([]([^][()]*)[])]$")


def _by_beginning(subsystems: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return (beginning, subsystem), the longest first."""
    pairs = [(start, subsystem) for subsystem, starts in subsystems.items() for start in starts]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


KERNEL_BEGINNINGS, USER_BEGINNINGS = _by_beginning(KERNEL_SUBSYSTEMS), _by_beginning(USER_SUBSYSTEMS)


def subsystem_of(function: str) -> str:
    """Return the subsystem of a function of a folded stack: of the kernel by its name, of others by their file."""
    if function.endswith(KERNEL_SUFFIX):
        return next((name for start, name in KERNEL_BEGINNINGS if function.startswith(start)), OTHER_KERNEL)
    match = FILE.search(function)
    file = match[1] if match else "unknown"
    if PYTHON_MODULE in file:
        return PYTHON
    return next((name for start, name in USER_BEGINNINGS if file.startswith(start)), "libraries")


def is_blind_spot(function: str) -> bool:
    """Return whether a timer sees code with interrupts off in this function."""
    return function.startswith(INTERRUPTS_ON)
