"""Attempts to escape, run inside the cage by the stand-in converter: ``attempts.py NAME SECRETS OUTGOING BYSTANDER …``.

Prints ``done`` when the attempt went through, ``refused ERRNO`` when the kernel refused it. Each attempt is real: with
neither Landlock nor seccomp it goes through, and a test sees to that.
"""

# These are the system calls themselves; pathlib would only stand between.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH110, PTH119, PTH123, PTH208, PTH211

import array
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import sys
import threading

name, secrets, outgoing, bystander, tcp_port, udp_port, unix_path, abstract_name = sys.argv[1:9]
victim = int(bystander)
libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: object) -> int:
    result = int(getattr(libc, function)(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), function)
    return result


def read_secret() -> None:
    with open(secrets + "/accounts.conf") as file:
        file.read()


def list_secrets() -> None:
    os.listdir(secrets)


def read_other_process() -> None:
    with open(f"/proc/{victim}/environ", "rb") as file:
        file.read()


def write_call_file() -> None:
    with open(outgoing + "/evil.call", "w") as file:
        file.write("Application: System\n")


def rename_into_outgoing() -> None:
    with open("evil.call", "w") as file:
        file.write("Application: System\n")
    os.rename("evil.call", outgoing + "/evil.call")


def remove_outside() -> None:
    os.unlink(secrets + "/spare")


def append_outside() -> None:
    with open(secrets + "/spare", "a") as file:
        file.write("x")


def make_directory_outside() -> None:
    os.mkdir(secrets + "/new")


def truncate_outside() -> None:
    os.truncate(secrets + "/spare", 0)


def chmod_outside() -> None:
    os.chmod(secrets + "/spare", 0o600)


def touch_outside() -> None:
    os.utime(secrets + "/spare", (0, 0))


def link_result() -> None:
    os.symlink(secrets + "/accounts.conf", "result.tiff")
    os.unlink("result.tiff")


def hard_link_result() -> None:
    os.link(secrets + "/accounts.conf", "result.tiff")
    os.unlink("result.tiff")


def read_through_planted_link() -> None:
    try:
        with open("planted/accounts.conf") as file:
            file.read()
    finally:
        os.unlink("planted")


def read_through_dots() -> None:
    with open("../" + os.path.basename(secrets) + "/accounts.conf") as file:
        file.read()


def make_fifo() -> None:
    os.mkfifo("result.tiff")
    os.unlink("result.tiff")


def execute_other() -> None:
    os.execv("/usr/bin/echo", ["echo", "done"])


def execute_through_loader() -> None:
    loader = next(
        path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)
    )
    os.execv(loader, [loader, "/usr/bin/echo", "done"])


def execute_own_copy() -> None:
    with open(sys.executable, "rb") as source, open("copy", "wb") as copy:
        copy.write(source.read())
        os.fchmod(copy.fileno(), 0o700)
    os.execv("copy", ["copy", "-I", "-S", "-c", "print('done')"])


def connect_tcp() -> None:
    socket.create_connection(("127.0.0.1", int(tcp_port)), timeout=10).close()


def bind_tcp() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))


def send_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", int(udp_port)))


def connect_control_socket() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(unix_path)


def connect_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + abstract_name)


def send_unix_datagram() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"x", unix_path)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:  # it is there, but speaks in streams
                raise


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def vfork() -> None:
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {}), 0)


def daemonise() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)


def signal_daemon() -> None:
    os.kill(os.getppid(), 0)


def kill_bystander() -> None:
    os.kill(victim, signal.SIGKILL)


def kill_everybody() -> None:
    os.kill(-victim, 0) if os.getpgid(victim) == victim else os.kill(victim, 0)


def signal_by_tgkill() -> None:
    call("tgkill", victim, victim, signal.SIGKILL)


def signal_by_queue() -> None:
    information = array.array("i", [signal.SIGKILL, 0, -1] + [0] * 29)
    number = 129 if os.uname().machine == "x86_64" else 138
    call("syscall", number, victim, signal.SIGKILL, ctypes.c_void_p(information.buffer_info()[0]))


def signal_by_sigio() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, victim)
    fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(writer, b"x")


def trace_bystander() -> None:
    call("ptrace", 0x4206, victim, None, None)  # PTRACE_SEIZE


def read_memory_of_bystander() -> None:
    buffer = ctypes.create_string_buffer(8)
    vector = array.array("Q", [ctypes.addressof(buffer), 8])
    with open(f"/proc/{victim}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    remote = array.array("Q", [start, 8])
    local_at, remote_at = (ctypes.c_void_p(v.buffer_info()[0]) for v in (vector, remote))
    call(
        "process_vm_readv",
        victim,
        local_at,
        ctypes.c_ulong(1),
        remote_at,
        ctypes.c_ulong(1),
        ctypes.c_ulong(0),
    )


def renice_bystander() -> None:
    os.setpriority(os.PRIO_PROCESS, victim, 19)


def starve_bystander() -> None:
    resource.prlimit(victim, resource.RLIMIT_NOFILE, (0, 0))


def pin_bystander() -> None:
    os.sched_setaffinity(victim, {0})


def outlive_daemon() -> None:
    call("prctl", 1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG


def hide_in_memory_file() -> None:
    os.close(os.memfd_create("hidden"))


def hide_in_shared_memory() -> None:
    segment = call("shmget", 0, ctypes.c_size_t(1 << 20), 0o1600)
    call("shmctl", segment, 0, None)  # IPC_RMID


def set_attribute() -> None:
    with open("mine", "w") as file:
        try:
            os.setxattr(file.fileno(), "user.x", b"x")
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise


def listen_in_scratch() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("pipe")
        listener.listen()
    os.unlink("pipe")
    for end in socket.socketpair():
        end.close()


def leave_group() -> None:
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, "setsid")


def allowed_work() -> None:
    """What converters do all day must go through in any cage."""
    os.mkdir("pages")
    with open("pages/1.tiff", "w") as file:
        os.fchmod(file.fileno(), 0o600)
        os.utime(file.fileno())
        file.write("x")
        file.truncate()
    os.rename("pages/1.tiff", "1.tiff")
    os.unlink("1.tiff")
    os.rmdir("pages")
    with open("/dev/null", "w") as sink, open("/dev/urandom", "rb") as source:
        source.read(8)
        sink.write("x")
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.raise_signal(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    resource.getrlimit(resource.RLIMIT_AS)
    os.sched_getaffinity(0)
    os.listdir("/usr/share")
    mmap.mmap(-1, 1 << 20).close()


try:
    globals()[name]()
except OSError as error:
    print("refused", errno.errorcode.get(error.errno or 0, "?"))
else:
    print("done")
