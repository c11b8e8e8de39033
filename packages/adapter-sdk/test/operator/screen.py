"""Runs a command on a pseudo-terminal of 80 columns and 24 lines, types what it is told when it sees what it is told, and
prints all that the terminal was sent and the exit code.

Arguments: pairs of "what to wait for" and "what to type", then "--", then the command.
"\\x03" is Ctrl-C; "HANGUP" closes the terminal.
"""
import fcntl, os, pty, struct, sys, termios

split = sys.argv.index("--")
pairs = sys.argv[1:split]
steps = [(pairs[i].encode(), pairs[i + 1]) for i in range(0, len(pairs), 2)]
command = sys.argv[split + 1:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(command[0], command)
shown, since = b"", 0
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
    while steps and steps[0][0] in shown[since:]:
        since = len(shown)
        _, what = steps.pop(0)
        if what == "HANGUP":
            os.close(fd)
            break
        os.write(fd, what.encode().decode("unicode_escape").encode("latin-1"))
    else:
        continue
    break
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode() + "\nexit " + str(os.waitstatus_to_exitcode(status)))
