"""Runs scripts without importing PyTorch for each: a server forks one process per request.

`server.py serve SOCKET` imports PyTorch at the first request and ends when its stdin is closed. `server.py run SOCKET ARGV...`
is a request: the forked process has its stdin, stdout, stderr, environment and folder, and this one exits as that does.
ARGV is as Python's own: the path of a script or `-c` and a program, and arguments.
"""

import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import traceback

LENGTH = struct.Struct("!Q")


def main(action, path, *argv):
    if action == "serve":
        serve(path)
    else:
        sys.exit(run(path, argv))


def run(path, argv):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        request = json.dumps({"argv": argv, "cwd": os.getcwd(), "environment": dict(os.environ)}).encode()
        socket.send_fds(connection, [LENGTH.pack(len(request))], [0, 1, 2])
        connection.sendall(request)
        status = connection.recv(1)
    if not status:
        sys.exit(f"The process of {argv[:2]} was killed.")
    return status[0]


def serve(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("listening", flush=True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            with connection:
                answer(listener, connection)


def answer(listener, connection):
    header, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
    request = json.loads(connection.recv(LENGTH.unpack(header)[0], socket.MSG_WAITALL))
    # OpenMP reads its settings when PyTorch is imported.
    os.environ.update(request["environment"])
    try:
        # In this process, for all that are forked from it.
        import safetensors.torch
        import torchvision

        error = None
    except Exception:
        error = traceback.format_exc()
    if os.fork() == 0:
        listener.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        status = 1
        try:
            status = execute(request, error)
        finally:
            # Before the streams' other ends can be closed.
            connection.sendall(bytes([status & 0xFF]))
            os._exit(status)
    for stream in streams:
        os.close(stream)


def execute(request, error):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    try:
        if error:
            sys.exit(error)
        program, *rest = request["argv"]
        if program == "-c":
            sys.argv = ["-c", *rest[1:]]
            sys.path[0] = ""
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [program, *rest]
            sys.path[0] = os.path.dirname(program)
            runpy.run_path(program, run_name="__main__")
        return 0
    except SystemExit as exit:
        if exit.code is None or isinstance(exit.code, int):
            return exit.code or 0
        print(exit.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


main(*sys.argv[1:])
