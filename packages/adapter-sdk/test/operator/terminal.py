"""Runs a command on a pseudo-terminal, types an answer when it asks, and prints what the terminal showed and the exit code.

With --then-interrupt Ctrl-C follows when the first batch is in the store.
"""
import os, pty, sqlite3, sys, time

answer, command = sys.argv[1].encode(), sys.argv[2:]
interrupts = "--then-interrupt" in command
command = [word for word in command if word != "--then-interrupt"]
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
        if interrupts:
            store = sqlite3.connect(os.path.join(os.environ["DATA_DIR"], "store", "adapter.sqlite"))
            while store.execute("SELECT count(*) FROM history WHERE by IS NOT NULL").fetchone() == (0,):
                time.sleep(0.001)
            os.write(fd, b"\x03")
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode() + "\nexit " + str(os.waitstatus_to_exitcode(status)))
