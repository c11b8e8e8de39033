"""Runs a command on a pseudo-terminal, types an answer when it asks, and prints what the terminal showed and the exit code."""
import os, pty, sys

answer, command = sys.argv[1].encode(), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, typed = b"", False
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    if not typed and b"[y/N] " in shown:
        typed = True
        os.write(fd, answer.decode("unicode_escape").encode("latin-1"))
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode() + "\nexit " + str(os.waitstatus_to_exitcode(status)))
